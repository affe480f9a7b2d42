"""An endpoint's variants and their servers."""

import random
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.models import MODEL, containers_of
from forecastle.region.sagemaker.serving import Broken, ModelServer, Place
from forecastle.region.wire.refusal import Refusal

GROUP = "/aws/sagemaker/Endpoints/"


@dataclass(slots=True)
class Variant:
    """One model of an endpoint; a request passes through its servers in order."""

    name: str
    weight: float
    servers: list[ModelServer]
    image: str
    folder: Path  # the servers' own are below it


@dataclass(slots=True)
class Fleet:
    """The variants of one endpoint configuration."""

    endpoint: str
    config: dict[str, Any]
    variants: list[Variant] = field(default_factory=list)

    def start(self) -> None:
        """Start every server. Raises `Broken` after stopping those that were started."""
        try:
            with ThreadPoolExecutor(thread_name_prefix="deploy") as pool:
                for variant, done in [(v, pool.submit(s.start)) for v in self.variants for s in v.servers]:
                    try:
                        done.result()
                    except Broken as error:
                        raise Broken(
                            f"The primary container for production variant {variant.name} did not pass the ping health "
                            f"check. Please check CloudWatch logs for this endpoint. ({error})"
                        ) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every server and wait for their end."""
        with ThreadPoolExecutor(thread_name_prefix="retire") as pool:
            list(pool.map(ModelServer.stop, self.servers))
        for variant in self.variants:
            shutil.rmtree(variant.folder, ignore_errors=True)

    @property
    def servers(self) -> list[ModelServer]:
        return [server for variant in self.variants for server in variant.servers]

    def chosen(self, name: str | None) -> Variant:
        """The variant with that name, or a random one by weight."""
        if name is None:
            return random.choices(self.variants, [max(v.weight, 0) or 1e-12 for v in self.variants])[0]
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise Refusal("ValidationError", f"Variant {name} not found for Request.")


def fleet(region: LocalRegion, endpoint: str, config: dict[str, Any]) -> Fleet:
    """The servers of a configuration, not yet started. Raises the refusal of a model that does not exist."""
    variants = [_variant(region, endpoint, each) for each in config["ProductionVariants"]]
    return Fleet(endpoint, config, variants)


def _variant(region: LocalRegion, endpoint: str, described: dict[str, Any]) -> Variant:
    name, instance = described["VariantName"], uuid.uuid4().hex[:17]
    containers = containers_of(MODEL.get(region, described["ModelName"]))
    servers = []
    folder = region.home.endpoints / f"{endpoint}.{name}-{instance}"  # no folder is left of an endpoint that is deleted
    for number, container in enumerate(containers):
        tree = folder / str(number)
        suffix = f"/{container.get('ContainerHostname', f'container-{number + 1}')}" if len(containers) > 1 else ""
        place = Place(tree, GROUP + endpoint, f"{name}/i-{instance}{suffix}")
        servers.append(ModelServer(region, container, place, {}))
    return Variant(name, described.get("InitialVariantWeight", 1.0), servers, _image(containers), folder)


def _image(containers: Sequence[dict[str, Any]]) -> str:
    return str(containers[0]["Image"])
