"""How long our engines take for an epoch."""

import time
from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from benchmarks.gluonts_mxnet import Asked
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.settings import Facts, Settings
from forecastle.algorithms.deepar.training.train import train


def settings_of(asked: Asked, series: Sequence[Series], seed: int = 0, **given: object) -> Settings:
    """What a job with the hyperparameters' defaults, but for these, would train with."""
    values = np.concatenate([one.target for one in series])
    hyperparameters = {
        "time_freq": asked.freq,
        "context_length": asked.context_length,
        "prediction_length": asked.prediction_length,
        "num_cells": asked.cells,
        "learning_rate": asked.learning_rate,
        "mini_batch_size": asked.batch_size,
        "epochs": asked.epochs,
        "network": "gluonts",
    }
    categories = np.array([one.cat for one in series], int)  # (series, features)
    cardinality = tuple(int(largest) + 1 for largest in categories.max(axis=0))
    dynamic = series[0].dynamic_feat
    facts = Facts(
        cardinality, 0 if dynamic is None else len(dynamic), float(np.nanmean(np.abs(values), dtype=np.float64))
    )
    return Settings(DeepARHyperparameters.parse(hyperparameters | given), facts, seed)


def seconds_of_epochs(engine: str, series: Sequence[Series], asked: Asked) -> tuple[list[float], list[int]]:
    """Seconds and windows of each epoch."""
    clock = Clock()
    train(series, settings_of(asked, series), clock, lambda: False, engine=engine)
    return np.diff(clock.ends).tolist(), clock.windows


def load(engine: str) -> None:
    """Import all that an engine needs."""
    module = {"native": "native.learner", "mxnet": "mxnet"}[engine]
    import_module(f"forecastle.algorithms.deepar.training.{module}")
    if engine == "mxnet":
        import_module("gluonts.mx")


def train_on(
    engine: str, series: Sequence[Series], asked: Asked, zoneout: float, epoch_ended: Callable[[int], None]
) -> None:
    """Train with an engine, reporting the windows of each epoch."""
    settings = settings_of(asked, series, dropout_rate=zoneout)
    train(series, settings, Clock(epoch_ended), lambda: False, engine=engine)


class Clock:
    """A `Watcher` that looks at the clock."""

    def __init__(self, epoch_ended: Callable[[int], None] = lambda _: None) -> None:
        self._epoch_ended = epoch_ended
        self.ends: list[float] = []
        self.windows: list[int] = []

    def ready(self, epoch: int) -> None:
        del epoch
        self.ends.append(time.perf_counter())

    def notice(self, sentence: str) -> None:
        del sentence

    def batch(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        del epoch, batch, losses

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        del epoch, loss, improved
        self.ends.append(time.perf_counter())
        self.windows.append(windows)
        self._epoch_ended(windows)
