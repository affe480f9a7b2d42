"""A uniform sample of a stream of rows, in one pass and bounded memory."""

import numpy as np
import numpy.typing as npt

from forecastle.kernels.arrays import Floats
from forecastle.kernels.compiled import kernel
from forecastle.kernels.splitmix import Stream, next_below, next_uniform, stream

_FIRST_ROWS = 1024
_FAR = 2.0**53


class Reservoir:
    """A sample of `capacity` rows of a stream of blocks, (n_i, dimensions), as in SageMaker.

    Of a stream of at most `capacity` rows all are kept, in their order. Of a longer one every row is kept with the same
    probability, in random order. The same seed and rows give the same sample, whatever the sizes of the blocks. Memory
    grows with the number of kept rows, to one buffer of `capacity` rows.
    Reference: Li, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", algorithm L, 1994.
    """

    def __init__(self, capacity: int, dimensions: int, seed: int) -> None:
        self.seen = 0  # rows so far
        self._capacity = capacity
        self._kept = np.empty((min(capacity, _FIRST_ROWS), dimensions), np.float32)
        self._random = stream(np.uint64(seed), 0)
        self._progress = np.empty(2)  # of algorithm L: w, and the next row to keep

    def add(self, block: Floats) -> None:
        """Process the next rows of the stream, (n, dimensions)."""
        rows = np.require(block, np.float32, ["C", "W"])
        taken = min(len(rows), max(self._capacity - self.seen, 0))
        if taken:
            self._make_room(self.seen + taken)
            self._kept[self.seen : self.seen + taken] = rows[:taken]
            if self.seen + taken == self._capacity:
                _begin(self._progress, self._capacity, self._random)
        if taken < len(rows):
            _replace(self._kept, rows, self.seen, self._progress, self._random)
        self.seen += len(rows)

    def sample(self) -> Floats:
        """The sample, (min(seen, capacity), dimensions). It ends the stream: no rows may be added after it."""
        if self.seen > self._capacity:
            _shuffle(self._kept, self._random)
        return self._kept[: self.seen]

    def so_far(self) -> Floats:
        """What `sample` would return now, not to be changed; the stream may go on."""
        if self.seen <= self._capacity:
            return self._kept[: self.seen]
        kept = self._kept.copy()
        _shuffle(kept, self._random.copy())
        return kept

    def _make_room(self, rows: int) -> None:
        if rows > len(self._kept):
            larger = np.empty((min(self._capacity, max(rows, 2 * len(self._kept))), self._kept.shape[1]), np.float32)
            larger[: self.seen] = self._kept[: self.seen]
            self._kept = larger


@kernel
def _begin(progress: npt.NDArray[np.float64], capacity: int, random: Stream) -> None:
    """Set `progress`, (2,), w and the next row to keep, for a reservoir that has just been filled.

    random : (1,), the stream.
    """
    progress[0], progress[1] = 1.0, capacity - 1
    _advance(progress, capacity, random)


@kernel
def _advance(progress: npt.NDArray[np.float64], capacity: int, random: Stream) -> None:
    """Advance `progress`, (2,), to the next row to keep, by the stream `random`, (1,).

    w is distributed as the largest of `capacity` uniform keys; the gap to the next smaller key is geometric.
    """
    progress[0] *= np.exp(np.log(1.0 - next_uniform(random)) / capacity)
    jump = np.floor(np.log(1.0 - next_uniform(random)) / np.log1p(-progress[0])) + 1.0
    progress[1] += jump if jump < _FAR else _FAR


@kernel
def _replace(kept: Floats, rows: Floats, first: int, progress: npt.NDArray[np.float64], random: Stream) -> None:
    """Replace random rows of `kept`, (capacity, d), by those of `rows`, (n, d), that are to be kept.

    `first` is the number of rows[0] in the stream; `progress`, (2,), and `random`, (1,), are updated.
    """
    while progress[1] < first + len(rows):
        place, row = next_below(random, len(kept)), int(progress[1]) - first
        for j in range(kept.shape[1]):
            kept[place, j] = rows[row, j]
        _advance(progress, len(kept), random)


@kernel
def _shuffle(rows: Floats, random: Stream) -> None:
    """Shuffle `rows`, (n, d), in place (Fisher and Yates), by the stream `random`, (1,)."""
    for last in range(len(rows) - 1, 0, -1):
        other = next_below(random, last + 1)
        for j in range(rows.shape[1]):
            rows[last, j], rows[other, j] = rows[other, j], rows[last, j]
