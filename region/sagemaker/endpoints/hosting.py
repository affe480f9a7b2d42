"""The running fleet of each endpoint, started, replaced and stopped in the background."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.endpoints.configs import CONFIG
from forecastle.region.sagemaker.endpoints.fleet import Fleet, fleet
from forecastle.region.sagemaker.resource import Record, Resource
from forecastle.region.sagemaker.serving import Broken
from forecastle.region.wire.refusal import Refusal


def _with_async_config(region: LocalRegion, record: Record) -> Record:
    del region
    return record | {"AsyncInferenceConfig": record["Config"].get("AsyncInferenceConfig")}


ENDPOINT = Resource(
    kind="Endpoint",
    path="endpoint",
    listed="Endpoints",
    existing='Cannot create already existing endpoint "{arn}".',
    missing='Could not find endpoint "{arn}".',
    described=_with_async_config,
)
WAITING = ("Creating", "Updating")


class Hosting:
    """The fleets by endpoint."""

    def __init__(self) -> None:
        self._fleets: dict[str, Fleet] = {}
        self._coming: set[int] = set()
        self._starting: list[Fleet] = []
        self._lock = threading.Lock()
        self._closed = False
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="hosting")

    def of(self, endpoint: str) -> Fleet | None:
        """The fleet that serves an endpoint now."""
        return self._fleets.get(endpoint)

    def deploy(self, region: LocalRegion, name: str, config: dict[str, Any], turn: str) -> None:
        """Start a configuration's fleet for an endpoint; a result is ignored once the record has another `turn`."""
        self._pool.submit(self._deploy, region, name, config, turn)

    def retire(self, name: str) -> None:
        """Stop an endpoint's fleet."""
        with self._lock:
            gone = self._fleets.pop(name, None)
        if gone is not None:
            self._pool.submit(gone.stop)

    def resume(self, region: LocalRegion) -> None:
        """Restart the endpoints that were running when the region ended, and continue the updates of that time."""
        for record in region.state.all(ENDPOINT.kind):
            if record["EndpointStatus"] == "Failed":
                continue
            name = record["EndpointName"]
            config = region.state.get(CONFIG.kind, record["EndpointConfigName"]) or record["Config"]
            region.state.change(ENDPOINT.kind, name, EndpointStatus="Creating")
            self._pool.submit(self._resume, region, name, config, record["Turn"])

    def close(self) -> None:
        """Kill all servers."""
        with self._lock:
            self._closed = True
            running = [*self._fleets.values(), *self._starting]
            self._fleets.clear()
        for each in running:
            for server in each.servers:
                server.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _resume(self, region: LocalRegion, name: str, config: dict[str, Any], turn: str) -> None:
        self._deploy(region, name, config, turn)
        with region.state.exclusive():
            record = region.state.get(ENDPOINT.kind, name)
            pending = record.get("Pending") if record is not None and record["Turn"] == turn else None
            if pending is None or self._closed:
                return
            region.state.change(ENDPOINT.kind, name, EndpointStatus="Updating")
        self._deploy(region, name, pending, turn)

    def _deploy(self, region: LocalRegion, name: str, config: dict[str, Any], turn: str) -> None:
        began = time.monotonic()
        try:
            new = fleet(region, name, config)
            with self._lock:
                if self._closed:
                    return
                self._starting.append(new)
            try:
                new.start()
            finally:
                with self._lock:
                    self._starting.remove(new)
        except (Broken, Refusal) as error:
            self._failed(region, name, turn, str(error))
            return
        except Exception as error:
            self._failed(region, name, turn, f"InternalServerError: {error!r}")
            raise
        with region.state.exclusive(), self._lock:
            record = region.state.get(ENDPOINT.kind, name)
            current = record is not None and record["Turn"] == turn and not self._closed
            old = self._fleets.get(name) if current else new
            if current:
                self._fleets[name] = new
                variants = described(new)
                assert record is not None
                pending = record.get("Pending")  # where the region ended before it was there
                region.state.change(
                    ENDPOINT.kind,
                    name,
                    EndpointStatus="InService",
                    LastModifiedTime=time.time(),
                    FailureReason=None,
                    EndpointConfigName=config["EndpointConfigName"],
                    Config=config,
                    ProductionVariants=variants,
                    Pending=None if pending == config else pending,
                )
        if current:
            region.say(f"endpoint {name}: InService after {time.monotonic() - began:.1f} s")
        if old is not None:
            old.stop()

    def _failed(self, region: LocalRegion, name: str, turn: str, why: str) -> None:
        with region.state.exclusive():
            record = region.state.get(ENDPOINT.kind, name)
            if self._closed or record is None or record["Turn"] != turn:
                return
            # After a failed update, the old fleet continues to serve.
            status = "InService" if self.of(name) is not None else "Failed"
            region.state.change(
                ENDPOINT.kind,
                name,
                EndpointStatus=status,
                FailureReason=why,
                LastModifiedTime=time.time(),
                Pending=None,
            )
        region.say(f"endpoint {name}: {status}: {why}")


def described(new: Fleet) -> list[dict[str, Any]]:
    """ProductionVariants of DescribeEndpoint."""
    images = {
        v.name: [{"SpecifiedImage": v.image, "ResolvedImage": v.image, "ResolutionTime": time.time()}]
        for v in new.variants
    }
    found = []
    for each in new.config["ProductionVariants"]:
        name, count = each["VariantName"], each.get("InitialInstanceCount", 1)
        weight = each.get("InitialVariantWeight", 1.0)
        counts = {
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }
        found.append({"VariantName": name, "DeployedImages": images[name], **counts})
    return found
