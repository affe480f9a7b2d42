"""One batch transform job: a model server, and every object sent through it."""

import gzip
import itertools
import shutil
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, joined, split
from forecastle.region.sagemaker.models import containers_of
from forecastle.region.sagemaker.serving import Broken, ModelServer, Place
from forecastle.region.sagemaker.training.sources import NoData, Source, sources
from forecastle.region.sagemaker.transform.processing import Processing, Unfit
from forecastle.region.sagemaker.transform.records import Uncut, records, requests

KIND = "TransformJob"
GROUP = "/aws/sagemaker/TransformJobs"
ENDED = ("Completed", "Failed", "Stopped")
MEGABYTE = 2**20
SECONDS = 600
PAYLOAD_IN_MB = 6


class Failed(Exception):
    """The model refused a request, or could not be reached."""


class Stopped(Exception):
    """The job was stopped."""


class Job:
    """A transform job that is queued or runs."""

    def __init__(self, region: LocalRegion, name: str) -> None:
        self.name = name
        self._region = region
        self._stop = threading.Event()
        self._abandoned = False
        self._servers: list[ModelServer] = []

    def stop(self) -> None:
        self._stop.set()

    def kill(self) -> None:
        """End it at once: the region ends."""
        self._abandoned = True
        self._stop.set()
        for server in self._servers:
            server.kill()

    def run(self) -> None:
        """Run the job; its record says how it ended."""
        job = self._region.state.get(KIND, self.name)
        assert job is not None
        try:
            self._run(job)
            self._end("Completed")
        except Stopped:
            self._end("Stopped")
        except Broken as error:
            self._end("Failed", f"AlgorithmError: the model's container did not become healthy: {error}")
        except (NoData, Uncut, Unfit, Failed, Missing) as error:
            self._end("Failed", f"ClientError: {error}")
        except Exception as error:
            traceback.print_exc()
            self._end("Failed", f"InternalServerError: {error!r}")
        finally:
            for server in self._servers:
                server.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self._region.home.jobs / f"transform-{self.name}"

    def _end(self, status: str, why: str | None = None) -> None:
        if not self._abandoned:
            end(self._region, self.name, status, why)

    def _run(self, job: dict[str, Any]) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._region.state.change(KIND, self.name, TransformStartTime=time.time())
        channel = {"ChannelName": "input", "DataSource": job["TransformInput"]["DataSource"]}
        found = sources(channel, job["Model"].get("ExecutionRoleArn", ""), self._region.objects, 0, 1)
        output = split(job["TransformOutput"]["S3OutputPath"])[0]
        if not self._region.objects.has_bucket(output):
            raise Failed(f"the output's bucket {output} does not exist.")
        instance = uuid.uuid4().hex[:17]
        for number, container in enumerate(containers_of(job["Model"])):
            place = Place(self._folder / str(number), GROUP, f"{self.name}/i-{instance}")
            self._servers.append(ModelServer(self._region, container, place, _environ(job)))
        for server in self._servers:
            server.start()
        sender = Sender(self._servers, job, self._stop)
        for source in found:
            self._transform(source, job, sender)

    def _transform(self, source: Source, job: dict[str, Any], sender: "Sender") -> None:
        """Send an object through the model, and put what comes back."""
        written = self._folder / "output"
        place = f"s3://{source.bucket}/{source.key}"
        try:
            with self._opened(source, job) as file, written.open("wb") as out:
                for answer in sender.answers(file):
                    out.write(answer)
        except (Uncut, Unfit, Failed) as error:
            line = f"{place}: {error}"
            self._region.journal.write(GROUP, f"{self.name}/data-log", [line])
            raise type(error)(line) from None
        target = joined(job["TransformOutput"]["S3OutputPath"], f"{source.path}.out")
        self._region.objects.put_file(*split(target), written)

    def _opened(self, source: Source, job: dict[str, Any]) -> BinaryIO:
        file = self._region.objects.open(source.bucket, source.key)
        return gzip.open(file) if job["TransformInput"].get("CompressionType") == "Gzip" else file  # type: ignore[return-value]


class Sender:
    """Records on their way through the model's servers, several requests at a time and answers in order."""

    def __init__(self, servers: list[ModelServer], job: dict[str, Any], stop: threading.Event) -> None:
        self._servers = servers
        self._job = job
        self._stop = stop
        promised = _promised(servers[0])
        self._several = job.get("BatchStrategy", _strategy(promised)) == "MultiRecord"
        megabytes = job.get("MaxPayloadInMB", promised.get("MaxPayloadInMB", PAYLOAD_IN_MB))
        self._limit = megabytes * MEGABYTE or None
        self._concurrent = job.get("MaxConcurrentTransforms") or promised.get("MaxConcurrentTransforms") or 1
        config = job.get("ModelClientConfig", {})
        self._seconds = config.get("InvocationsTimeoutInSeconds", SECONDS)
        self._tries = 1 + config.get("InvocationsMaxRetries", 3)
        self._processing = Processing.of(job)

    def answers(self, file: BinaryIO) -> Iterator[bytes]:
        """What is written for the object, in order."""
        cut = records(file, self._job["TransformInput"].get("SplitType", "None"))
        packs = requests(cut, self._several, self._limit)
        lined = self._job["TransformOutput"].get("AssembleWith", "None") == "Line"
        under_way: deque[Future[bytes]] = deque()
        with (
            httpx.Client(timeout=self._seconds, trust_env=False) as client,
            ThreadPoolExecutor(self._concurrent) as pool,
        ):
            try:
                for pack in itertools.chain(packs, [None]):
                    if pack is not None:
                        under_way.append(pool.submit(self._answer, client, pack))
                    while under_way and (pack is None or len(under_way) >= self._concurrent):
                        if self._stop.is_set():
                            raise Stopped
                        answer = under_way.popleft().result()
                        yield answer + b"\n" if lined and answer and not answer.endswith(b"\n") else answer
            finally:
                for future in under_way:
                    future.cancel()

    def _answer(self, client: httpx.Client, pack: list[bytes]) -> bytes:
        body = b"".join(map(self._processing.sent, pack))
        headers = {"content-type": self._job["TransformInput"].get("ContentType", "application/octet-stream")}
        for server in self._servers:
            last = server is self._servers[-1]
            accept = self._job["TransformOutput"].get("Accept") if last else None
            answer = self._sent(
                client, f"{server.url}/invocations", body, headers | ({"accept": accept} if accept else {})
            )
            body, headers = answer.content, {"content-type": answer.headers.get("content-type", "")}
        return self._processing.written(pack, body)

    def _sent(self, client: httpx.Client, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        reason = ""
        for _ in range(self._tries):
            if self._stop.is_set():
                raise Stopped
            try:
                answer = client.post(url, content=body, headers=headers)
            except httpx.HTTPError as error:
                reason = f"the container did not answer ({type(error).__name__})"
                continue
            if answer.status_code < 400:
                return answer
            reason = f"Bad HTTP status received from algorithm: {answer.status_code}: {answer.text}"
            if answer.status_code < 500:
                break
        raise Failed(reason)


def end(region: LocalRegion, name: str, status: str, why: str | None = None) -> None:
    """Say of a job that it has ended."""
    changes: dict[str, Any] = {"TransformJobStatus": status, "TransformEndTime": time.time()}
    region.state.change(KIND, name, **changes, **({"FailureReason": why[:1024]} if why else {}))
    region.say(f"transform job {name}: {status}{f': {why}' if why else ''}")


def _environ(job: dict[str, Any]) -> dict[str, str]:
    """What batch transform sets, and only what the user gave."""
    environ = {**job.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
    strategy = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}.get(job.get("BatchStrategy", ""))
    given = {
        "SAGEMAKER_BATCH_STRATEGY": strategy,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": job.get("MaxPayloadInMB"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": job.get("MaxConcurrentTransforms"),
    }
    return environ | {name: str(value) for name, value in given.items() if value is not None}


def _promised(server: ModelServer) -> dict[str, Any]:
    """What the container says of itself; nothing where it says nothing."""
    try:
        answer = httpx.get(f"{server.url}/execution-parameters", timeout=5, trust_env=False)
        return dict(answer.json()) if answer.status_code == 200 else {}
    except (httpx.HTTPError, ValueError, TypeError):
        return {}


def _strategy(promised: dict[str, Any]) -> str:
    return "SingleRecord" if promised.get("BatchStrategy") == "SINGLE_RECORD" else "MultiRecord"
