"""The mean of a column, with moods that make it stop, fail or hang."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from forecastle.algorithms.interface import Algorithm, Ask, Job, Model, Payload
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, Stopped
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.media_type import CSV, JSON, MediaType
from forecastle.contract.whole_file import write_whole

Mood = Literal[
    "well",
    "stopped",
    "finishing",
    "deaf",
    "faulty",
    "starving",
    "evaluation_stopped",
    "evaluation_refused",
    "joined",
    "stepping",
    "stumbling",
]
STEPS = 20  # before one that stumbles does


class ColumnMeanHyperparameters(Hyperparameters):
    """What a job may set."""

    shrinkage: float = Field(ge=0, le=1, description="How far the mean is drawn to zero.")
    mood: Mood = Field("well", description="What the job does.")


@dataclass(frozen=True)
class ColumnMean(Model[int, float]):
    """A mean, which it answers for each line of a request."""

    mean: float

    def artifact(self) -> Artifact:
        metrics = {"train:mean": self.mean, "train:undefined": float("nan")}
        return Artifact({"mean": np.array(self.mean)}, metrics=metrics)

    def sample_request(self) -> Payload:
        return Payload(b"1\n2\n", MediaType.parse(CSV))

    def decode(self, payload: Payload) -> int:
        lines = payload.body.splitlines()
        if not lines:
            raise InvalidData("Body: expected lines, got none.")
        return len(lines)

    def cost(self, request: int) -> float:
        return 1e-6 * request

    def predict(self, requests: Sequence[int], threads: int) -> Sequence[float]:
        del threads
        return [self.mean * lines for lines in requests]

    def encode(self, prediction: float, media_type: str) -> bytes:
        del media_type
        return b'{"mean": %.3f}' % prediction


class ColumnMeanAlgorithm(Algorithm[ColumnMeanHyperparameters]):
    """Learns the mean of a file with one number per line."""

    title = "Column Mean"
    log_name = "ColumnMean"
    saved_line = "The mean is saved."
    hyperparameters = ColumnMeanHyperparameters
    channels: ClassVar[Mapping[str, str]] = {"train": "a number on each line", "test": "the same"}
    metrics: ClassVar[Mapping[str, str]] = {"train:numbers": r'"numbers": \{"sum": (\S+),'}
    request_types = (CSV,)
    response_types = (JSON,)

    def fit(self, job: Job[ColumnMeanHyperparameters]) -> ColumnMean:
        mood, started = job.hyperparameters.mood, time.time()
        job.log.line(f"Mood: {mood}")
        if mood == "faulty":
            job.log.progress(0.5, "averaging")
            return ColumnMean(1 / 0)
        if mood in ("stepping", "stumbling"):
            _step(job, None if mood == "stepping" else STEPS)
        if mood == "starving":
            raise MemoryError("Unable to allocate 80. GiB")
        while mood in ("stopped", "finishing", "deaf") and not (job.stopping() and mood != "deaf"):
            time.sleep(0.01)
        if mood == "stopped":
            raise Stopped("Stopped by SIGTERM; there is no model.")
        if mood == "joined":
            job.log.line("Joined")
            while not job.stopping():  # which raises what another host has failed with
                time.sleep(0.01)
        numbers = _numbers(job.channels["train"])
        for done in range(len(numbers)):
            job.log.progress((done + 1) / len(numbers), "averaging")
        job.log.metrics("training", started, {"numbers": [len(numbers)]})
        total, count = job.group.sum(np.array([sum(numbers), len(numbers)])).tolist()
        return ColumnMean(total / count * (1 - job.hyperparameters.shrinkage))

    def evaluate(self, model: Model[Any, Any], job: Job[ColumnMeanHyperparameters]) -> dict[str, float]:
        assert isinstance(model, ColumnMean)
        mood = job.hyperparameters.mood
        if mood == "evaluation_refused":
            raise InvalidData("test/part.csv: row 1: expected a number.")
        if mood == "evaluation_stopped":
            job.log.line("Evaluating")
            while not job.stopping():
                time.sleep(0.01)
            raise Stopped("Stopped by SIGTERM in the evaluation.")
        if "test" not in job.channels:
            return {}
        return {"test:error": abs(float(np.mean(_numbers(job.channels["test"]))) - model.mean)}

    def trains_alone(
        self, hyperparameters: ColumnMeanHyperparameters, channels: Mapping[str, Channel], settings: Any
    ) -> str | None:
        del hyperparameters, settings
        return None if channels["train"].sharded else "a mean is quickly computed"

    def infer(self, given: Mapping[str, str], channels: Mapping[str, Channel]) -> dict[str, str]:
        return {} if "shrinkage" in given else {"shrinkage": str(1 / len(_numbers(channels["train"])))}

    def load(self, artifact: Artifact, settings: object) -> ColumnMean:  # noqa: ARG002
        return ColumnMean(float(artifact.arrays["mean"]))

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        del picture
        return [ask(b"1\n", CSV, JSON).decode()]


ALGORITHM = ColumnMeanAlgorithm()


def _step(job: Job[ColumnMeanHyperparameters], last: int | None) -> None:
    """Write a checkpoint with the number of each step, up to the last or to a stop, and then another file."""
    assert job.checkpoints is not None
    path = job.checkpoints / "deep" / "steps"
    steps = int(path.read_text()) if path.exists() else 0
    job.log.line(f"Continuing after step {steps}")
    while not job.stopping() and (last is None or steps < last):
        time.sleep(0.02)
        steps += 1
        write_whole(path, str(steps).encode())
    (job.checkpoints / "end").write_text(str(steps))
    raise Stopped("Stopped by SIGTERM; there is no model.") if job.stopping() else ZeroDivisionError(steps)


def _numbers(channel: Channel) -> list[float]:
    return [float(line) for _, stream in channel.streams() for line in stream]
