"""What makes an algorithm: all that training and serving ask of one.

An algorithm is a folder in algorithms/. Its `algorithm.py` holds `ALGORITHM`, an instance of a subclass of `Algorithm`,
and imports nothing heavy; the methods import what they need.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.media_type import MediaType
from forecastle.contract.settings import EnvironmentSettings

H = TypeVar("H", bound=Hyperparameters)
Request = TypeVar("Request")
Prediction = TypeVar("Prediction")


class Algorithm(ABC, Generic[H]):
    """One algorithm: what it is called, what it takes, how it is trained and loaded."""

    title: ClassVar[str]  # as a page or a sentence has it
    aliases: ClassVar[Sequence[str]] = ()  # other names that users know it by, beside the folder's
    log_name: ClassVar[str]  # as the #metrics lines of SageMaker's logs have it
    hyperparameters: ClassVar[type[Hyperparameters]]
    settings: ClassVar[type[EnvironmentSettings]] = EnvironmentSettings  # environment variables of its own
    channels: ClassVar[Mapping[str, str]]  # name → what it is for; the first is required
    request_types: ClassVar[Sequence[str]]  # media types that are read; the first is the default
    response_types: ClassVar[Sequence[str]]  # media types that are written; the first is the default
    # In batch transform, the media type that answers each that is read; the first is what an untyped body is in.
    batch_types: ClassVar[Mapping[str, str]] = {}  # empty: as outside of batch transform

    # What bodies look like, as JSON Schema by media type; those of the others are texts or bytes. For /openapi.json.
    request_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    answer_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @abstractmethod
    def fit(self, job: "Job[H]") -> "Model[Any, Any]":
        """Train a model on the job's channels, telling its log. Raises `UserError` on data that cannot be learned."""

    @abstractmethod
    def load(self, artifact: Artifact, settings: Any) -> "Model[Any, Any]":
        """Check an artifact and make it ready to answer; `settings` is of the type above. Raises `InvalidData`."""

    def adopt(self, folder: Path) -> Artifact | None:
        """The artifact of a model that another's training wrote to `folder`; None if it is none that is known here.

        `parameters["origin"]` says whose it is, and `hyperparameters` what it was trained with. Raises `InvalidData` if
        the files are such a model's, but cannot be read.
        """
        del folder
        return None

    def evaluate(self, model: "Model[Any, Any]", job: "Job[H]") -> dict[str, float]:  # noqa: ARG002
        """Score the model on the job's test channel and log the metrics; empty if there is none."""
        return {}

    def demonstrate(self, ask: "Ask", picture: Path) -> Iterable[str]:  # noqa: ARG002
        """Ask a server that has the example's model, draw its answer to `picture`, and describe it in a few lines."""
        return ()

    def infer(self, given: Mapping[str, str], channels: Mapping[str, Channel]) -> dict[str, str]:
        """Hyperparameters that were not given and that the data itself tells: asked for at a laptop, not in a job."""
        del given, channels
        return {}

    def compile(self) -> None:
        """Run every kernel once: called as an image is built, so that its first requests find them compiled."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return type(self).__module__.split(".")[-2]

    @property
    def example(self) -> Path:
        """A folder with `input/`, as /opt/ml/input has it for a small job, and `request.*`, for the model it gives."""
        return Path(inspect.getfile(type(self))).parent / "example"


class Model(ABC, Generic[Request, Prediction]):
    """A trained model in memory. Its methods run in several threads at once."""

    @abstractmethod
    def artifact(self) -> Artifact:
        """What is to be kept of it; training adds its hyperparameters and metrics."""

    @abstractmethod
    def example(self) -> "Payload":
        """A request that this model answers: it stands on the server's page."""

    def examples(self) -> "Sequence[Payload]":
        """Requests that warm the server up before it counts as ready: at least one in each of the request types.

        Together they need whatever is compiled or imported at first use. A request type that has none is still
        answered, though the first such request may take longer.
        """
        return (self.example(),)

    def facts(self) -> Mapping[str, float]:
        """Figures of the model that its page shows beside hyperparameters and metrics."""
        return {}

    @abstractmethod
    def decode(self, payload: "Payload") -> Request:
        """Bytes to arrays, checked. Raises `UserError` with the place of the fault."""

    @abstractmethod
    def cost(self, request: Request) -> float:
        """Seconds of one core that predicting the request takes, roughly.

        What is cheap does not wait in a queue. What would take more than twice the time that a request may, be it on
        all threads, is refused with 413 before it begins: a prediction that runs is not ended.
        """

    def advice(self, request: Request, seconds: float) -> str:  # noqa: ARG002
        """What to ask for instead of a request that costs too much, in words, so that it costs at most `seconds`."""
        return "ask for less at a time, such as fewer instances or samples"

    @abstractmethod
    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Prediction]:
        """Predict what came in together, on up to `threads` threads; neither changes what a request is answered."""

    @abstractmethod
    def encode(self, prediction: Prediction, media_type: str) -> bytes:
        """Arrays to bytes, in one of the response types."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Payload:
    """A request as it came in: its body, the body's media type, and the client's custom attributes.

    `threads` is the number that its prediction may use: with more of them it takes more memory at a time, by which
    `decode` refuses a request that would not fit.
    """

    body: bytes
    content_type: MediaType
    attributes: str = ""  # X-Amzn-SageMaker-Custom-Attributes
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Job(Generic[H]):
    """A training job: what it learns with, from what, and whom it tells."""

    hyperparameters: H
    channels: Mapping[str, Channel]
    log: "JobLog"
    stopping: Callable[[], bool]  # whether SIGTERM came: then finish soon, or raise `Stopped`
    settings: Any = None  # the algorithm's own, of the type that it declares
    threads: int = 1
    checkpoints: Path | None = None  # a folder that outlives the job, where there is one


class JobLog(Protocol):
    """Where a job says what it does: the log lines of SageMaker's algorithms, and a bar on a terminal."""

    @property
    def host(self) -> str:
        """This host's name, as lines for parsers have it."""

    def line(self, text: str) -> None:
        """An ordinary line, behind the time."""

    def warning(self, text: str) -> None:
        """A line that somebody should look at."""

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        """A `#metrics` line: sums, counts and extremes of what was measured from `since` (Unix time) till now."""

    def progress(self, share: float, note: str = "") -> None:
        """How much is done, in [0, 1]: drawn on a terminal, and nowhere else."""


class Ask(Protocol):
    """A way to a server: a request's body and media type, and the answer's."""

    def __call__(self, body: bytes, content_type: str, accept: str) -> bytes: ...
