"""The average of a network's weights over the last epochs, or over those around the best one.

Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018 (Polyak averaging).
The weights of single epochs are not kept: sums over blocks of consecutive epochs are, at most `MOST_BLOCKS` of them, so
that the average is known whenever a training ends. Longer trainings have longer blocks, and then the average begins and
ends at a block's boundary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats

MOST_BLOCKS = 16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Average:
    """The mean of the weights after each of the epochs from `first` to `last`, counted from 0, both included."""

    arrays: Mapping[str, Floats]
    first: int
    last: int


class WeightAverage:
    """Sums of the weights of the epochs that an average may contain.

    Parameters
    ----------
    share : of the epochs, in [0, 1]; nothing is kept if it is 0.
    patient : whether training ends early: the epochs are then around the best one, else they are the last ones.
    """

    def __init__(self, share: float, patient: bool) -> None:
        self._share, self._patient = share, patient
        self._length = 1  # epochs in a block
        self._blocks: list[_Block] = []

    def add(self, arrays: Mapping[str, Floats], losses: Sequence[float]) -> None:
        """Add the weights after the last of the epochs with these losses, one for each epoch so far."""
        if not self._share:
            return
        done = len(losses)
        new = _Block(done - 1, 1, {name: array.astype(np.float32) for name, array in arrays.items()})
        # The average of a later epoch, should it be the best one, may begin before that of the best one so far.
        needed = min(self._epochs(losses).start, done + 1 - self._count(done + 1))
        blocks = [block for block in self._blocks if block.stop > needed]
        blocks = _joined([*blocks, new], self._length)
        while len(blocks) > MOST_BLOCKS:
            self._length *= 2
            blocks = _joined(blocks, self._length)
        self._blocks = blocks

    def average(self, losses: Sequence[float]) -> Average | None:
        """The average after epochs with these losses; None if there is none."""
        if not self._share or not losses:
            return None
        epochs = self._epochs(losses)
        anchor = _best(losses) if self._patient else len(losses) - 1
        chosen = [block for block in self._blocks if 2 * block.shared_with(epochs) >= block.count]
        chosen = chosen or [block for block in self._blocks if block.first <= anchor < block.stop]
        mean = {name: _mean(chosen, name) for name in chosen[0].sums}
        return Average(mean, chosen[0].first, chosen[-1].stop - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which `restore` continues."""
        arrays: dict[str, NDArray[Any]] = {
            f"{number} {name}": array for number, block in enumerate(self._blocks) for name, array in block.sums.items()
        }
        spans = np.array([(block.first, block.count) for block in self._blocks], np.int64).reshape(-1, 2)
        return arrays | {"spans": spans, "length": np.array(self._length)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state()` returned. Raises `KeyError` if it is something else."""
        sums: dict[int, dict[str, Floats]] = {}
        for key, array in state.items():
            number, _, name = key.partition(" ")
            if name:
                sums.setdefault(int(number), {})[name] = array
        spans = state["spans"].tolist()
        self._blocks = [_Block(first, count, sums[number]) for number, (first, count) in enumerate(spans)]
        self._length = int(state["length"])

    def _count(self, epochs: int) -> int:
        """How many of these epochs are averaged."""
        return max(1, round(self._share * epochs))

    def _epochs(self, losses: Sequence[float]) -> range:
        """The epochs to average after epochs with these losses: the last ones, or half before and half after the best.

        If fewer are after the best one, more before it are taken.
        """
        best = _best(losses) if self._patient else len(losses) - 1
        count = self._count(best + 1)
        stop = min(len(losses), best + 1 + count // 2)
        return range(stop - count, stop)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Block:
    """The sums of the weights of `count` epochs from `first` on."""

    first: int
    count: int
    sums: Mapping[str, Floats]

    @property
    def stop(self) -> int:
        return self.first + self.count

    def shared_with(self, epochs: range) -> int:
        return max(0, min(self.stop, epochs.stop) - max(self.first, epochs.start))


def _mean(blocks: Sequence[_Block], name: str) -> Floats:
    total: NDArray[np.float64] = np.sum([block.sums[name] for block in blocks], axis=0, dtype=np.float64)
    mean: Floats = (total / sum(block.count for block in blocks)).astype(np.float32)
    return mean


def _joined(blocks: Sequence[_Block], length: int) -> list[_Block]:
    """The blocks, ascending, with those joined that are in the same `length` epochs."""
    joined: list[_Block] = []
    for block in blocks:
        before = joined[-1] if joined else None
        if before is not None and before.first // length == block.first // length:
            sums = {name: array + block.sums[name] for name, array in before.sums.items()}
            joined[-1] = _Block(before.first, before.count + block.count, sums)
        else:
            joined.append(block)
    return joined


def _best(losses: Sequence[float]) -> int:
    return losses.index(min(losses))
