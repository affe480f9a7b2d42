"""Dropout: a random share of numbers becomes 0, and the others grow so that their mean stays.

What is dropped depends on the seed, the row, the column and the number of its stream, and on nothing else; so the
backward pass drops the same again.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.functions import LANES, ONE
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import Bits, choose, exceeds, load, store, to_floats
from forecastle.kernels.philox import random_lanes
from forecastle.kernels.pointer import memory

EMBED_SOURCE, EMBED_TARGET, HIDDEN = 0, 1, 2  # what is dropped


class Dropout(NamedTuple):
    """The rates, and where random numbers come from. Rates of 0 drop nothing."""

    source: float
    target: float
    hidden: float
    seed: int
    share: int  # of the batch, which has streams of its own

    def apply(self, what: int, values: Floats, first: int = 0) -> None:
        """Drop numbers of `values`, (n, columns), in place; its rows are the rows from `first` on of all."""
        rate = (self.source, self.target, self.hidden)[what]
        if rate > 0:
            drop(values, first, rate, np.uint64(self.seed), 3 * self.share + what)


@kernel
def drop(values: Floats, first: int, rate: float, key: np.uint64, stream: int) -> None:
    """Drop a share `rate` of `values`, (n, columns), in place; their rows count from `first`."""
    rows, columns = values.shape
    numbers = memory(values)
    limit, factor = rate * 2**24 - 0.5, 1 / (1 - rate)
    for row in range(rows):
        for column in range(0, columns, 4 * LANES):
            words = random_lanes(column, first + row, stream, key, ONE)
            at = row * columns + column
            _drop_lanes(numbers, at, words[0], limit, factor)
            if column + LANES < columns:
                _drop_lanes(numbers, at + LANES, words[1], limit, factor)
            if column + 2 * LANES < columns:
                _drop_lanes(numbers, at + 2 * LANES, words[2], limit, factor)
            if column + 3 * LANES < columns:
                _drop_lanes(numbers, at + 3 * LANES, words[3], limit, factor)


@inlined
def _drop_lanes(numbers: Floats, at: int, words: Bits, limit: float, factor: float) -> None:
    """Keep a vector's lanes whose random word, of 24 bits, exceeds the limit."""
    store(numbers, at, choose(exceeds(to_floats(words >> 8), limit), load(numbers, at, ONE) * factor, 0.0))
