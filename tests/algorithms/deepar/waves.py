"""Small sets of series that the tests of training share: waves with noise, and what they are trained with."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.learner import Learner
from forecastle.algorithms.deepar.training.settings import Facts, Settings
from forecastle.algorithms.deepar.training.train import new_learner

needs_mxnet = pytest.mark.mxnet

SETTINGS: dict[str, Any] = {
    "time_freq": "D",
    "context_length": 8,
    "prediction_length": 4,
    "likelihood": "student-T",
    "cardinality": (),
    "num_dynamic_feat": 0,
    "embedding_dimension": 3,
    "num_cells": 6,
    "num_layers": 2,
    "dropout_rate": 0.1,
    "learning_rate": 0.01,
    "mini_batch_size": 16,
    "epochs": 3,
    "early_stopping_patience": None,
    "average_weights": 0.0,
    "network": "gluonts",
    "scale_augmentation": 0.0,
    "seed": 5,
    "default_scale": 10.0,
}


def settings(**changes: Any) -> Settings:
    """From a flat record, as `Settings.record` gives it; what is left out is as in SETTINGS."""
    flat = SETTINGS | changes
    facts = Facts(tuple(flat.pop("cardinality")), flat.pop("num_dynamic_feat"), flat.pop("default_scale"))
    return Settings(DeepARHyperparameters.parse(flat), facts, flat["seed"])


def learner_of(engine: str, given: Settings) -> Learner:
    return new_learner(engine, given)


def waves(
    count: int = 12, length: int = 60, likelihood: str = "student-T", *, cat: bool = False, dynamic: bool = False
) -> list[Series]:
    """Series with a weekly wave each, in what the likelihood can draw; with `cat` the odd ones are of category 1."""
    rng = np.random.default_rng(0)
    steps = np.arange(length)
    series = []
    for index in range(count):
        values = 10 + 4 * np.sin(2 * np.pi * (steps + index) / 7) + rng.normal(size=length) / 2
        if likelihood == "beta":
            values = values / 20
        if likelihood == "negative-binomial":
            values = np.maximum(values, 0).round()
        feature = rng.normal(size=(1, length)).astype(np.float32)
        series.append(
            Series(
                np.datetime64("2024-01-01", "s"),
                values.astype(np.float32),
                (index % 2,) if cat else (),
                feature if dynamic else None,
            )
        )
    return series


def json_lines(series: Sequence[Series]) -> str:
    lines = []
    for each in series:
        record: dict[str, Any] = {
            "start": str(each.start).replace("T", " "),
            "target": [None if np.isnan(value) else round(float(value), 3) for value in each.target],
        }
        if each.cat:
            record["cat"] = list(each.cat)
        if each.dynamic_feat is not None:
            record["dynamic_feat"] = np.round(each.dynamic_feat.astype(float), 3).tolist()
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


@dataclass
class Recorded:
    """A watcher that keeps what is reported to it."""

    first_epoch: int | None = None
    notices: list[str] = field(default_factory=list)
    batches: list[tuple[int, int, NDArray[np.float32]]] = field(default_factory=list)
    epochs: list[tuple[int, float, int, bool]] = field(default_factory=list)

    def ready(self, epoch: int) -> None:
        self.first_epoch = epoch

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)

    def batch(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        self.batches.append((epoch, batch, losses))

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        self.epochs.append((epoch, loss, windows, improved))


def never() -> bool:
    return False


def after(calls: int) -> Iterator[bool]:
    """What `stopping` says: no so many times, and yes from then on."""
    yield from [False] * calls
    while True:
        yield True
