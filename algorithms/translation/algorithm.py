"""Translation by pretrained Transformers for serving; a training job packs a model."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from forecastle.algorithms.interface import Algorithm, Ask, ChartOptions, Job, Payload
from forecastle.algorithms.translation.hyperparameters import TranslationHyperparameters
from forecastle.algorithms.translation.settings import TranslationSettings
from forecastle.contract.artifact import Artifact
from forecastle.contract.media_type import JSON, JSON_LINES, RECORDIO
from forecastle.formats.translation import schemas

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart
    from forecastle.algorithms.translation.model import TranslationModel


class TranslationAlgorithm(Algorithm[TranslationHyperparameters]):
    """Translation by a Transformer (Vaswani et al., 2017) that CTranslate2 runs, which is an optional extra."""

    title = "Translation"
    aliases = ("ctranslate2",)
    log_name = "Translation"
    hyperparameters = TranslationHyperparameters
    settings = TranslationSettings
    channels: ClassVar[Mapping[str, str]] = {
        "model": "a model that was converted for CTranslate2: config.json, model.bin, its vocabulary, and .spm files"
    }
    request_types = (JSON, JSON_LINES, RECORDIO)
    response_types = (JSON, JSON_LINES, RECORDIO)
    request_schemas: ClassVar[Mapping[str, Any]] = schemas.REQUESTS
    answer_schemas: ClassVar[Mapping[str, Any]] = schemas.ANSWERS
    batch_types: ClassVar[Mapping[str, str]] = {JSON_LINES: JSON_LINES, JSON: JSON, RECORDIO: RECORDIO}

    def fit(self, job: Job[TranslationHyperparameters]) -> "TranslationModel":
        from forecastle.algorithms.translation.packing import fit

        return fit(job)

    def load(self, artifact: Artifact, settings: TranslationSettings) -> "TranslationModel":
        from forecastle.algorithms.translation.model import TranslationModel

        return TranslationModel.from_artifact(artifact, settings)

    def adopt(self, folder: Path) -> Artifact | None:
        if not (folder / "model.bin").is_file():
            return None  # without importing what reads models
        from forecastle.algorithms.translation.packing import adopt

        return adopt(folder)

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        from forecastle.algorithms.translation.demo import demonstrate

        return demonstrate(ask, picture)

    def chart_options(self) -> type[ChartOptions]:
        from forecastle.algorithms.attention_chart import AttentionChartOptions

        return AttentionChartOptions

    def plot(self, ask: Ask, payload: Payload, options: Any) -> "Chart | None":
        from forecastle.algorithms.attention_chart import plot

        return plot(ask, payload, options)

    def examine(self, job: Job[TranslationHyperparameters]) -> Iterable[str]:
        from forecastle.algorithms.translation.packing import examine

        return examine(job)


ALGORITHM = TranslationAlgorithm()
