"""The door to what trains a network: series and settings in, plain arrays and the loss history out.

An engine is a module `engine_<name>.py` whose `learner(settings, threads=…)` gives a `Learner`; everything around it,
the windows, the epochs, checkpoints and early stopping, is the same for all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.contract.errors import InvalidJob

if TYPE_CHECKING:
    from forecastle.algorithms.deepar.training.windows import Windows

ENGINES = {"native": "native.learner", "mxnet": "mxnet"}  # modules by name; the first is the default
SETTING = "DEEPAR_ENGINE"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a network is made for, and how it is trained."""

    frequency: Frequency
    context_length: int
    prediction_length: int
    likelihood: Likelihood
    cardinality: tuple[int, ...]  # () where the model takes no categories
    num_dynamic_feat: int
    embedding_dimension: int
    num_cells: int
    num_layers: int
    dropout_rate: float
    learning_rate: float
    mini_batch_size: int
    epochs: int
    early_stopping_patience: int | None
    seed: int
    default_scale: float  # the mean of |y| over the training set

    @property
    def gradient_scale(self) -> float:
        """What the gradients are multiplied by before they are clipped.

        An absolute error grows with the series; what it is divided by keeps its gradient from being clipped.
        """
        absolute = self.likelihood.point and self.default_scale > 0
        return 1 / self.default_scale if absolute else 1.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trained:
    """A network, and how it came about.

    Attributes
    ----------
    losses : the mean loss of each complete epoch.
    loss, epoch : of the epoch whose network it is, counted from 0.
    stopped : whether SIGTERM ended it.
    """

    network: Network
    losses: tuple[float, ...]
    loss: float
    epoch: int
    stopped: bool


class Learner(Protocol):
    """A network that learns."""

    def step(self, windows: "Windows", learning_rate: float, seed: int) -> NDArray[np.float32]:
        """Learn from a batch; the loss of each window, (windows,), before that. `seed` makes what is random.

        A batch whose loss is not finite changes nothing.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state()` gave. Raises `KeyError` or `ValueError` where it is another network's."""

    def network(self) -> Network:
        """What was learned so far."""


class Watcher(Protocol):
    """Who is told how training goes."""

    def ready(self, epoch: int) -> None:
        """The network stands; its next epoch is `epoch`."""

    def notice(self, sentence: str) -> None:
        """Something that whoever reads the log should know."""

    def batch(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        """The loss of each window of a batch, (windows,)."""

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        """An epoch is complete."""


def require_engine(name: str) -> str:
    """`name`, or the default where it is empty. Raises `InvalidJob` where there is no such engine."""
    if name and name not in ENGINES:
        raise InvalidJob(f"Setting {SETTING} must be one of {', '.join(ENGINES)}. Got {name!r:.42}.")
    return name or next(iter(ENGINES))


def learner(engine: str, settings: Settings, threads: int | None = None) -> Learner:
    """What trains under the engine's name. Raises `InvalidJob` if there is no such engine or it is not installed."""
    module = import_module(f"{__package__}.{ENGINES[require_engine(engine)]}")
    return cast(Learner, module.learner(settings, threads=threads))


def train(
    series: Sequence[Series],
    settings: Settings,
    watcher: Watcher,
    stopping: Callable[[], bool],
    *,
    engine: str = "",
    checkpoints: Path | None = None,
    threads: int | None = None,
) -> Trained:
    """Train a network on the series; from the last checkpoint on, where there is one of the same job.

    On `threads` threads, by default one for each available core; they do not change what is learned.
    Raises `InvalidJob` where the engine's libraries are not installed or what is learned is not finite, `InvalidData`
    where no series is long enough.
    """
    from forecastle.algorithms.deepar.training.epochs import run
    from forecastle.algorithms.deepar.training.windows import WindowSource

    source = WindowSource(series, settings)
    trained = run(learner(engine, settings, threads), source, settings, watcher, stopping, checkpoints)
    if not all(np.isfinite(array).all() for array in trained.network.arrays().values()):
        raise InvalidJob(
            "The network that was learned holds numbers that are not finite: lower the hyperparameter learning_rate, "
            f"{settings.learning_rate}."
        )
    return trained
