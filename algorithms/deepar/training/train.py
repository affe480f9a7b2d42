"""Training: series and settings in, a network and its losses out.

An engine provides a `Learner`; windows, epochs, checkpoints and early stopping are the same for all engines.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.epochs import run
from forecastle.algorithms.deepar.training.learner import Learner, Trained, Watcher
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.team import Team
from forecastle.algorithms.deepar.training.windows import WindowSource
from forecastle.contract.errors import InvalidJob


def train(
    series: Sequence[Series],
    settings: Settings,
    watcher: Watcher,
    stopping: Callable[[], bool],
    *,
    engine: str = "native",
    checkpoints: Path | None = None,
    threads: int | None = None,
    team: Team | None = None,
) -> Trained:
    """Train a network on the series, from the last checkpoint of the same job if there is one.

    It runs on `threads` threads, by default one for each available core; they do not change the result. The hosts of a
    `team`, which all have the same series and settings, train the same network.
    Raises `InvalidJob` if the engine's libraries are not installed or the network is not finite, `InvalidData` if no
    series is long enough.
    """
    source = WindowSource(series, settings)
    learner = new_learner(engine, settings, threads, team)
    if team is not None:
        stopping = team.stopping
    trained = run(learner, source, settings, watcher, stopping, checkpoints)
    if not all(np.isfinite(array).all() for array in trained.network.arrays().values()):
        raise InvalidJob(
            "The trained network contains numbers that are not finite: lower the hyperparameter "
            f"learning_rate, {settings.given.learning_rate}."
        )
    return trained


def new_learner(engine: str, settings: Settings, threads: int | None = None, team: Team | None = None) -> Learner:
    """A network with fresh weights. Raises `InvalidJob` if the engine is not installed."""
    if engine == "mxnet":
        from forecastle.algorithms.deepar.training.mxnet import MxnetLearner

        return MxnetLearner(settings)
    from forecastle.algorithms.deepar.training.native.learner import NativeLearner

    return NativeLearner(settings, threads, team)
