"""Random Cut Forest for training and serving."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from forecastle.algorithms.interface import Algorithm, Ask, ChartOptions, Job, Model, Payload
from forecastle.algorithms.metrics import PROGRESS, quality
from forecastle.algorithms.random_cut_forest import schemas
from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO
from forecastle.contract.settings import EnvironmentSettings

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart
    from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel


class RandomCutForestAlgorithm(Algorithm[RandomCutForestHyperparameters]):
    """Anomaly scores of rows: by how much a row would change random trees (Guha et al., ICML 2016)."""

    title = "Random Cut Forest"
    aliases = ("rcf",)
    log_name = "RandomCutForest"
    hyperparameters = RandomCutForestHyperparameters
    channels: ClassVar[Mapping[str, str]] = {
        "train": "rows of numbers: text/csv without a header, or application/x-recordio-protobuf",
        "test": "the same with labels, 1 for an anomaly and 0 for a normal row: the first column of a CSV file",
    }
    metrics: ClassVar[Mapping[str, str]] = PROGRESS | {
        f"test:{name}": quality(f"test {name} <score>") for name in ("accuracy", "precision", "recall", "f1")
    }
    request_types = (CSV, JSON, JSON_LINES, RECORDIO)
    response_types = (JSON, JSON_LINES, CSV, RECORDIO)
    request_schemas: ClassVar[Mapping[str, Any]] = schemas.REQUESTS
    answer_schemas: ClassVar[Mapping[str, Any]] = schemas.ANSWERS
    batch_types: ClassVar[Mapping[str, str]] = {
        CSV: JSON_LINES,
        JSON_LINES: JSON_LINES,
        JSON: JSON,
        RECORDIO: RECORDIO,
    }

    def fit(self, job: Job[RandomCutForestHyperparameters]) -> "RandomCutForestModel":
        from forecastle.algorithms.random_cut_forest.training.job import fit

        return fit(job)

    def evaluate(self, model: Model[Any, Any], job: Job[RandomCutForestHyperparameters]) -> dict[str, float]:
        from forecastle.algorithms.random_cut_forest.training.evaluation import evaluate

        return evaluate(model, job)

    def trains_alone(
        self, hyperparameters: RandomCutForestHyperparameters, channels: Mapping[str, Channel], settings: Any
    ) -> str | None:
        del hyperparameters, settings
        sharded = any(channel.sharded for channel in channels.values())
        return None if sharded else "every host has all rows, and sampling them once is enough"

    def load(self, artifact: Artifact, settings: EnvironmentSettings) -> "RandomCutForestModel":  # noqa: ARG002
        from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel

        return RandomCutForestModel.from_artifact(artifact)

    def infer(self, given: Mapping[str, str], channels: Mapping[str, Channel]) -> dict[str, str]:
        from forecastle.algorithms.random_cut_forest.training.job import first_width

        return {} if "feature_dim" in given else {"feature_dim": str(first_width(channels["train"]))}

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        from forecastle.algorithms.random_cut_forest.demo import demonstrate

        return demonstrate(self.example_folder, ask, picture)

    def chart_options(self) -> type[ChartOptions]:
        from forecastle.algorithms.random_cut_forest.plot import AnomalyChartOptions

        return AnomalyChartOptions

    def plot(self, ask: Ask, payload: Payload, options: Any) -> "Chart | None":
        from forecastle.algorithms.random_cut_forest.plot import plot

        return plot(ask, payload, options)

    def examine(self, job: Job[RandomCutForestHyperparameters]) -> Iterable[str]:
        from forecastle.algorithms.random_cut_forest.training.job import examine

        return examine(job)

    def compile(self) -> None:
        from forecastle.algorithms.random_cut_forest.warmup import compile_kernels

        compile_kernels(self)


ALGORITHM = RandomCutForestAlgorithm()
