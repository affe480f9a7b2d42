"""The interface of an algorithm: everything that training and serving call.

An algorithm is a folder in algorithms/. Its `algorithm.py` defines `ALGORITHM`, an instance of a subclass of
`Algorithm`, and imports nothing heavy; the methods import what they need. docs/add-an-algorithm.md has a complete one.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from forecastle.algorithms.group import Group
from forecastle.algorithms.job import H, Job, JobLog
from forecastle.algorithms.request import Ask, Payload
from forecastle.algorithms.tensors import TensorForm
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.settings import EnvironmentSettings
from forecastle.contract.typed_text import TypedText

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart

__all__ = ["Algorithm", "Ask", "ChartOptions", "Group", "Job", "JobLog", "Model", "Payload", "TensorForm"]

Request = TypeVar("Request")
Prediction = TypeVar("Prediction")


class ChartOptions(TypedText):
    """The base of what `forecastle plot --set` takes for an algorithm."""

    noun: ClassVar[str] = "Chart option"


class Algorithm(ABC, Generic[H]):
    """An algorithm: its names, hyperparameters, channels and media types, how it is trained and loaded."""

    title: ClassVar[str]  # for pages and messages
    aliases: ClassVar[Sequence[str]] = ()  # names that commands accept in addition to the folder's
    log_name: ClassVar[str]  # in the #metrics lines of SageMaker's logs, such as AWS/DeepAR
    saved_line: ClassVar[str] = ""  # a line to log once the model is written, as SageMaker's algorithm does
    hyperparameters: ClassVar[type[Hyperparameters]]
    settings: ClassVar[type[EnvironmentSettings]] = EnvironmentSettings  # its own environment variables
    channels: ClassVar[Mapping[str, str]]  # name → what it is for; the first is required
    test_channel: ClassVar[str] = "test"  # the one that `forecastle train NAME --test` gives
    request_types: ClassVar[Sequence[str]]  # media types that it reads; the first is the default
    response_types: ClassVar[Sequence[str]]  # media types that it writes; the first is the default
    # In batch transform, request type → response type if Accept is missing; the first is assumed for an untyped body.
    batch_types: ClassVar[Mapping[str, str]] = {}  # empty: the same as outside batch transform
    # Name → regular expression of the job's log lines with it, whose group is the value, as in MetricDefinitions.
    metrics: ClassVar[Mapping[str, str]] = {}

    # JSON Schemas of bodies by media type, for /openapi.json; without one, a body is documented as text or bytes.
    request_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    answer_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @abstractmethod
    def fit(self, job: Job[H]) -> "Model[Any, Any]":
        """Train a model on the job's channels. Raises `UserError` if the data or hyperparameters do not allow it."""

    @abstractmethod
    def load(self, artifact: Artifact, settings: Any) -> "Model[Any, Any]":
        """Load a model; `settings` has the type declared above. Raises `InvalidData` if the artifact is invalid."""

    def trains_alone(self, hyperparameters: H, channels: Mapping[str, Channel], settings: Any) -> str | None:
        """Of a job on several hosts: why only the first one trains, as a clause; None if all train together.

        If they do, `fit` and `evaluate` run on every host, with the hosts as `job.group`, and what the first one
        returns is written. A sharded channel may be empty on some hosts.
        """
        del hyperparameters, channels, settings
        return f"{self.title} is trained on one host"

    def adopt(self, folder: Path) -> Artifact | None:
        """The artifact of another trainer's model in `folder`; None if it is not a model that this algorithm knows.

        `parameters["origin"]` names the trainer, and `hyperparameters` what the model was trained with. Raises
        `InvalidData`, with the file's path in its place, if it is such a model but cannot be read.
        """
        del folder
        return None

    def evaluate(self, model: "Model[Any, Any]", job: Job[H]) -> dict[str, float]:  # noqa: ARG002
        """Score the model on the job's test channel and log the metrics; {} if there is none."""
        return {}

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:  # noqa: ARG002
        """Send the example to a server of its model, draw the answer to `picture`, and yield lines to print."""
        return ()

    def chart_options(self) -> type[ChartOptions]:
        """The options of `plot`."""
        return ChartOptions

    def plot(self, ask: Ask, payload: Payload, options: Any) -> "Chart | None":
        """Send a request to a server or a model, and draw the answer; None if it is no request of this algorithm.

        `options` has the type that `chart_options` returns. An algorithm without this method has no chart.
        """
        del ask, payload, options
        return None

    def examine(self, job: Job[H]) -> Iterable[str]:  # noqa: ARG002
        """Read and check a job's data without training, and yield a line for each channel. Raises `UserError`."""
        return ()

    def infer(self, given: Mapping[str, str], channels: Mapping[str, Channel]) -> dict[str, str]:
        """Hyperparameters not `given` that the data determines, for `forecastle train NAME`; jobs do not call it."""
        del given, channels
        return {}

    def compile(self) -> None:
        """Compile every kernel by running it once: `forecastle compile` and the image's build call this."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return type(self).__module__.split(".")[-2]

    @property
    def example_folder(self) -> Path:
        """Its example: `input/`, the /opt/ml/input of a small job, and `request.*`, a request for the trained model."""
        return Path(inspect.getfile(type(self))).parent / "example"

    @property
    def page_folder(self) -> Path | None:
        """Its part of the server's page: `page/`, whose `page.js` the page imports; None: the page has a text box."""
        folder = Path(inspect.getfile(type(self))).parent / "page"
        return folder if (folder / "page.js").is_file() else None


class Model(ABC, Generic[Request, Prediction]):
    """A trained model in memory. Its methods are called from several threads at the same time."""

    @abstractmethod
    def artifact(self) -> Artifact:
        """What to save; training adds the algorithm's name, hyperparameters and metrics."""

    @abstractmethod
    def sample_request(self) -> Payload:
        """A request that this model answers, shown on the server's page."""

    def sample_requests(self) -> Sequence[Payload]:
        """Requests that warm up a server before `/ping` returns 200: at least one of each request type.

        Together they use every kernel and every late import. A request type without a sample is answered, too, but the
        first such request may take longer.
        """
        return (self.sample_request(),)

    def facts(self) -> Mapping[str, float]:
        """Figures that the model's page shows in addition to hyperparameters and metrics."""
        return {}

    def page_request(self) -> Payload:
        """The request that the model's page opens with."""
        return self.sample_request()

    def page_data(self) -> Mapping[str, Any]:
        """What the algorithm's `page.js` is given of the model, as JSON."""
        return {}

    def tensors(self) -> TensorForm[Request, Prediction] | None:
        """How requests and predictions are named tensors, for the Open Inference Protocol.

        Without a form of its own a model takes and returns one tensor, the body of a request and of its answer.
        """
        return None

    @abstractmethod
    def decode(self, payload: Payload) -> Request:
        """Parse and check a body. Raises `UserError` with the place of the error."""

    @abstractmethod
    def cost(self, request: Request) -> float:
        """Estimate the seconds of one core that predicting the request takes.

        Cheap requests skip the queue. One that would take more than twice the request timeout on all threads is refused
        with 413, because a running prediction cannot be interrupted.
        """

    def rows(self, request: Request) -> int:  # noqa: ARG002
        """The number of rows or series in a request, for a server's metrics."""
        return 1

    def advice(self, request: Request, seconds: float) -> str:  # noqa: ARG002
        """For the 413: how to change a request that costs too much, so that it costs at most `seconds`."""
        return "ask for less at a time, such as fewer instances or samples"

    @abstractmethod
    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Prediction]:
        """Predict a batch on up to `threads` threads; a request's prediction depends on neither batch nor threads."""

    @abstractmethod
    def encode(self, prediction: Prediction, media_type: str) -> bytes:
        """Format a prediction in one of the response types."""
