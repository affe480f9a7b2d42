"""The interfaces of training: an engine's learner, a watcher of its progress, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.training.windows import Windows


class Learner(Protocol):
    """A network in training."""

    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        """Train on a batch, and return the loss of each window before the step, (windows,).

        Everything random depends on `seed`. A batch with a loss that is not finite changes nothing.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which `restore` continues."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state()` returned. Raises `KeyError` or `ValueError` if it is of another network."""

    def network(self) -> Network:
        """The network as it is now."""


class Watcher(Protocol):
    """Receives the progress of a training."""

    def ready(self, epoch: int) -> None:
        """The network is built; its next epoch is `epoch`."""

    def notice(self, sentence: str) -> None:
        """A sentence for the log."""

    def batch(self, epoch: int, batch: int, losses: Floats) -> None:
        """The loss of each window of a batch, (windows,)."""

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        """An epoch is complete."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trained:
    """A trained network.

    Attributes
    ----------
    losses : the mean loss of each complete epoch.
    loss, epoch : of the last epoch, or of the best one with early stopping, counted from 0.
    averaged : the first and the last epoch whose weights are averaged; None if the network is that of `epoch`.
    stopped : whether SIGTERM ended the training.
    """

    network: Network
    losses: tuple[float, ...]
    loss: float
    epoch: int
    averaged: tuple[int, int] | None
    stopped: bool
