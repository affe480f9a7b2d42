"""Sequence to Sequence for training and serving."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from forecastle.algorithms.interface import Algorithm, Ask, ChartOptions, Job, Payload
from forecastle.algorithms.metrics import PROGRESS, quality
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.settings import Seq2SeqSettings
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.media_type import JSON, JSON_LINES, RECORDIO
from forecastle.formats.translation import schemas

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart
    from forecastle.algorithms.seq2seq.model import Seq2SeqModel


class Seq2SeqAlgorithm(Algorithm[Seq2SeqHyperparameters]):
    """Translation of sequences by a recurrent network with attention (Bahdanau et al., 2015; Luong et al., 2015)."""

    title = "Sequence to Sequence"
    aliases = ("sequence-to-sequence",)
    log_name = "AWS/Seq2Seq"
    hyperparameters = Seq2SeqHyperparameters
    settings = Seq2SeqSettings
    channels: ClassVar[Mapping[str, str]] = {
        "train": "pairs of sequences: text (JSON Lines with source and target, or a tab between the two) or RecordIO",
        "validation": "the same, to measure progress; required with RecordIO, otherwise some pairs are held out",
        "vocab": "vocab.src.json and vocab.trg.json, the words of ids; required with RecordIO, text has subwords",
    }
    metrics: ClassVar[Mapping[str, str]] = PROGRESS | {
        f"validation:{name}": quality(rf"(?:epoch=\S+, )?validation {name} <score>")
        for name in ("accuracy", "bleu", "perplexity")
    }
    test_channel = "validation"
    request_types = (JSON, JSON_LINES, RECORDIO)
    response_types = (JSON, JSON_LINES, RECORDIO)
    request_schemas: ClassVar[Mapping[str, Any]] = schemas.REQUESTS
    answer_schemas: ClassVar[Mapping[str, Any]] = schemas.ANSWERS
    batch_types: ClassVar[Mapping[str, str]] = {JSON_LINES: JSON_LINES, JSON: JSON, RECORDIO: RECORDIO}

    def fit(self, job: Job[Seq2SeqHyperparameters]) -> "Seq2SeqModel":
        from forecastle.algorithms.seq2seq.training.job import fit

        return fit(job)

    def load(self, artifact: Artifact, settings: Seq2SeqSettings) -> "Seq2SeqModel":
        from forecastle.algorithms.seq2seq.model import Seq2SeqModel

        return Seq2SeqModel.from_artifact(artifact, settings)

    def infer(self, given: Mapping[str, str], channels: Mapping[str, Channel]) -> dict[str, str]:
        from forecastle.algorithms.seq2seq.training.laptop import hyperparameters

        return hyperparameters(given, channels["train"])

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        from forecastle.algorithms.seq2seq.demo import demonstrate

        return demonstrate(ask, picture)

    def chart_options(self) -> type[ChartOptions]:
        from forecastle.algorithms.attention_chart import AttentionChartOptions

        return AttentionChartOptions

    def plot(self, ask: Ask, payload: Payload, options: Any) -> "Chart | None":
        from forecastle.algorithms.attention_chart import plot

        return plot(ask, payload, options)

    def examine(self, job: Job[Seq2SeqHyperparameters]) -> Iterable[str]:
        from forecastle.algorithms.seq2seq.training.job import examine

        return examine(job)

    def compile(self) -> None:
        from forecastle.algorithms.seq2seq.warmup import compile_kernels

        compile_kernels(self)


ALGORITHM = Seq2SeqAlgorithm()
