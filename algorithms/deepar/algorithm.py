"""DeepAR for training and serving."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from forecastle.algorithms.deepar import schemas
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.settings import DeepARSettings
from forecastle.algorithms.interface import Algorithm, Ask, ChartOptions, Job, Model, Payload
from forecastle.algorithms.metrics import PROGRESS, quality
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.media_type import JSON, JSON_LINES

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart
    from forecastle.algorithms.deepar.model import DeepARModel

_QUANTILES = ("", "calibrated_")


class DeepARAlgorithm(Algorithm[DeepARHyperparameters]):
    """Probabilistic forecasts of many time series from one recurrent network (Salinas et al., 2020)."""

    title = "DeepAR"
    aliases = ("forecasting-deepar",)  # its name in AWS's registry
    log_name = "AWS/DeepAR"
    saved_line = "Successfully serialized the model for prediction."
    hyperparameters = DeepARHyperparameters
    settings = DeepARSettings
    channels: ClassVar[Mapping[str, str]] = {
        "train": "time series: JSON Lines (.json, .jsonl, also gzipped) or Parquet, one series per record",
        "test": "the same; the last prediction_length values of each series are forecast and compared",
    }
    metrics: ClassVar[Mapping[str, str]] = {
        **PROGRESS,
        "train:loss": quality(r"epoch=\S+, train loss <loss>"),
        "train:loss:batch": quality(r"epoch=\S+, batch=\S+ train loss <loss>"),
        "train:final_loss": quality("train final_loss <loss>"),
        "test:RMSE": quality("test RMSE <loss>"),
        **{f"test:{kind}mean_wQuantileLoss": quality(rf"test {kind}mean_wQuantileLoss <loss>") for kind in _QUANTILES},
        **{
            f"test:{kind}coverage[{band}]": quality(rf"test {kind}coverage\[{re.escape(band)}\] <score>")
            for kind in _QUANTILES
            for band in ("0.8", "0.6", "0.4", "0.2")  # of the default test_quantiles
        },
    }
    request_types = (JSON, JSON_LINES)
    response_types = (JSON, JSON_LINES)
    request_schemas: ClassVar[Mapping[str, Any]] = schemas.REQUESTS
    answer_schemas: ClassVar[Mapping[str, Any]] = schemas.ANSWERS
    batch_types: ClassVar[Mapping[str, str]] = {JSON_LINES: JSON_LINES, JSON: JSON}

    def fit(self, job: Job[DeepARHyperparameters]) -> "DeepARModel":
        from forecastle.algorithms.deepar.training.job import fit

        return fit(job)

    def evaluate(self, model: Model[Any, Any], job: Job[DeepARHyperparameters]) -> dict[str, float]:
        from forecastle.algorithms.deepar.training.evaluation import evaluate

        return evaluate(model, job)

    def trains_alone(
        self, hyperparameters: DeepARHyperparameters, channels: Mapping[str, Channel], settings: DeepARSettings
    ) -> str | None:
        from forecastle.algorithms.deepar.training.native.plan import WIDTH

        if settings.engine != "native":
            return f"the engine {settings.engine} trains on one host"
        if hyperparameters.mini_batch_size <= WIDTH and not any(channel.sharded for channel in channels.values()):
            return f"mini_batch_size {hyperparameters.mini_batch_size} is too small to divide: it must be above {WIDTH}"
        return None

    def load(self, artifact: Artifact, settings: DeepARSettings) -> "DeepARModel":
        from forecastle.algorithms.deepar.inference.configuration import BATCH, LIVE, from_setting
        from forecastle.algorithms.deepar.model import DeepARModel

        live, batch = (replace(each, calibrated=settings.calibrated) for each in (LIVE, BATCH))
        return DeepARModel.from_artifact(artifact, from_setting(settings.inference_config, batch), live)

    def adopt(self, folder: Path) -> Artifact | None:
        from forecastle.algorithms.deepar.sagemaker.artifact import adopt

        return adopt(folder)

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        from forecastle.algorithms.deepar.demo import demonstrate

        return demonstrate(self.example_folder, ask, picture)

    def chart_options(self) -> type[ChartOptions]:
        from forecastle.algorithms.deepar.plot import FanChartOptions

        return FanChartOptions

    def plot(self, ask: Ask, payload: Payload, options: Any) -> "Chart | None":
        from forecastle.algorithms.deepar.plot import plot

        return plot(ask, payload, options)

    def examine(self, job: Job[DeepARHyperparameters]) -> Iterable[str]:
        from forecastle.algorithms.deepar.training.job import examine

        return examine(job)

    def compile(self) -> None:
        from forecastle.algorithms.deepar.warmup import compile_kernels

        compile_kernels(self)


ALGORITHM = DeepARAlgorithm()
