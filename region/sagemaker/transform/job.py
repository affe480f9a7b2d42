"""Batch transform jobs: model servers, and each input object sent to them."""

import functools
import gzip
import threading
import time
import uuid
from collections.abc import Iterator
from typing import BinaryIO

import httpx

from forecastle.contract.errors import UserError
from forecastle.contract.media_type import SYNONYMS
from forecastle.contract.transform.packs import Limit, Pack, alone, packs
from forecastle.contract.transform.processing import Processing
from forecastle.contract.transform.split import SPLITS, Whole
from forecastle.contract.transform.window import in_order
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import joined, split
from forecastle.region.sagemaker.jobs import ClientFailure, Failure, Job, JobKind, Stopped
from forecastle.region.sagemaker.models import containers_of
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.serving import Broken, ModelServer, Place
from forecastle.region.sagemaker.training.sources import Source, sources

GROUP = "/aws/sagemaker/TransformJobs"
MEGABYTE = 2**20
SECONDS = 600
PAYLOAD_IN_MB = 6

TRANSFORM = JobKind(
    kind="TransformJob",
    path="transform-job",
    listed="TransformJobSummaries",
    label="transform job",
    ended_at="TransformEndTime",
    missing="Could not find requested job with name: {name}",
    existing="A transform job with the name {name} already exists.",
    existing_code="ResourceInUse",
)


class Failed(ClientFailure):
    """The model refused a request or did not respond."""


class TransformJob(Job):
    """A transform job: servers of a model, and every object of the input sent through them."""

    kind = TRANSFORM

    def __init__(self, region: LocalRegion, name: str) -> None:
        super().__init__(region, name)
        self._servers: list[ModelServer] = []

    def kill(self) -> None:
        super().kill()
        for server in self._servers:
            server.kill()

    def release(self) -> None:
        for server in self._servers:
            server.stop()

    def work(self, job: Record) -> tuple[str, Record]:
        self.folder.mkdir(parents=True)
        self.region.state.change(TRANSFORM.kind, self.name, TransformStartTime=time.time())
        channel = {"ChannelName": "input", "DataSource": job["TransformInput"]["DataSource"]}
        found = sources(channel, job["Model"].get("ExecutionRoleArn", ""), self.region.objects, 0, 1)
        output = split(job["TransformOutput"]["S3OutputPath"])[0]
        if not self.region.objects.has_bucket(output):
            raise Failed(f"the output bucket {output} does not exist.")
        instance = uuid.uuid4().hex[:17]
        for number, container in enumerate(containers_of(job["Model"])):
            place = Place(self.folder / str(number), GROUP, f"{self.name}/i-{instance}")
            self._servers.append(ModelServer(self.region, container, place, _environ(job)))
        for server in self._servers:
            try:
                server.start()
            except Broken as error:
                raise Failure(f"AlgorithmError: the model's container did not become healthy: {error}") from None
        sender = Sender(self._servers, job, self._stop)
        for source in found:
            self._transform(source, job, sender)
        return "Completed", {}

    def _transform(self, source: Source, job: Record, sender: "Sender") -> None:
        """Send an object to the model and upload the result."""
        written = self.folder / "output"
        place = f"s3://{source.bucket}/{source.key}"
        try:
            with self._opened(source, job) as file, written.open("wb") as out:
                for answer in sender.answers(file):
                    out.write(answer)
        except (UserError, Failed) as error:
            line = f"{place}: {error}"
            self.region.journal.write(GROUP, f"{self.name}/data-log", [line])
            raise Failed(line) from None
        target = joined(job["TransformOutput"]["S3OutputPath"], f"{source.path}.out")
        self.region.objects.put_file(*split(target), written)

    def _opened(self, source: Source, job: Record) -> BinaryIO:
        file = self.region.objects.open(source.bucket, source.key)
        return gzip.open(file) if job["TransformInput"].get("CompressionType") == "Gzip" else file  # type: ignore[return-value]


class Sender:
    """Sends records to the model's servers, several requests at a time, with results in order."""

    def __init__(self, servers: list[ModelServer], job: Record, stop: threading.Event) -> None:
        self._servers = servers
        self._job = job
        self._stop = stop
        parameters = _execution_parameters(servers[0])
        self._several = job.get("BatchStrategy", _strategy(parameters)) == "MultiRecord"
        settings = {"MaxPayloadInMB": PAYLOAD_IN_MB} | parameters | job
        self._limit = settings["MaxPayloadInMB"] * MEGABYTE or None
        self._concurrent = job.get("MaxConcurrentTransforms") or parameters.get("MaxConcurrentTransforms") or 1
        config = job.get("ModelClientConfig", {})
        self._seconds = config.get("InvocationsTimeoutInSeconds", SECONDS)
        self._tries = 1 + config.get("InvocationsMaxRetries", 3)
        self._processing = processing_of(job)

    def answers(self, file: BinaryIO) -> Iterator[bytes]:
        """The output for an object, in order. Raises `UserError` and `Failed`."""
        split = SPLITS[self._job["TransformInput"].get("SplitType", "None")]
        found = packs(file, split, Limit(self._limit, self._limit, "MaxPayloadInMB"))
        lined = self._job["TransformOutput"].get("AssembleWith", "None") == "Line"
        with httpx.Client(timeout=self._seconds, trust_env=False) as client:
            ask = functools.partial(self._answer, client)
            for answer in in_order(ask, found if self._several else alone(found), self._concurrent):
                if self._stop.is_set():
                    raise Stopped
                yield answer + b"\n" if lined and answer and not answer.endswith(b"\n") else answer

    def _answer(self, client: httpx.Client, pack: Pack) -> bytes:
        body = self._processing.sent(pack.body, None if isinstance(pack.split, Whole) else pack.count)
        headers = {"content-type": self._job["TransformInput"].get("ContentType", "application/octet-stream")}
        for server in self._servers:
            last = server is self._servers[-1]
            accept = self._job["TransformOutput"].get("Accept") if last else None
            answer = self._sent(
                client, f"{server.url}/invocations", body, headers | ({"accept": accept} if accept else {})
            )
            body, headers = answer.content, {"content-type": answer.headers.get("content-type", "")}
        return self._processing.written(pack.body, pack.count, body)

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


def processing_of(job: Record) -> Processing:
    """The filters of a job, and whether it joins. Raises `InvalidJob`."""
    given = job.get("DataProcessing", {})
    media_type = job["TransformInput"].get("ContentType", "").partition(";")[0].strip().lower()
    return Processing.of(
        SYNONYMS.get(media_type, media_type),
        given.get("InputFilter", "$"),
        given.get("OutputFilter", "$"),
        given.get("JoinSource", "None") == "Input",
    )


def _environ(job: Record) -> dict[str, str]:
    """The variables that batch transform sets; limits only if the user has given them."""
    environ = {**job.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
    strategy = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}.get(job.get("BatchStrategy", ""))
    given = {
        "SAGEMAKER_BATCH_STRATEGY": strategy,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": job.get("MaxPayloadInMB"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": job.get("MaxConcurrentTransforms"),
    }
    return environ | {name: str(value) for name, value in given.items() if value is not None}


def _execution_parameters(server: ModelServer) -> Record:
    """The container's execution parameters; empty if it has none."""
    try:
        answer = httpx.get(f"{server.url}/execution-parameters", timeout=5, trust_env=False)
        return dict(answer.json()) if answer.status_code == 200 else {}
    except (httpx.HTTPError, ValueError, TypeError):
        return {}


def _strategy(parameters: Record) -> str:
    return "SingleRecord" if parameters.get("BatchStrategy") == "SINGLE_RECORD" else "MultiRecord"
