"""Batches: which pairs are trained together, and their padded arrays.

The batches of an epoch depend only on the data, the hyperparameters, the seed and the epoch's number.
"""

from collections.abc import Iterator

import numpy as np

from forecastle.algorithms.seq2seq.architecture import END, PAD
from forecastle.algorithms.seq2seq.arrays import Indices, Words
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.learner import Batch, Pairs


class Batches:
    """Pairs in batches of `batch_size`; with bucketing, of similar lengths.

    Buckets are SageMaker's: the longer side grows by `bucket_width` from one to the next, the other by as much times
    the ratio of their mean lengths. A pair is in the first that both sides fit into.
    """

    def __init__(self, pairs: Pairs, given: Seq2SeqHyperparameters) -> None:
        self._pairs, self._size = pairs, given.batch_size
        source, target = (np.diff(ends, prepend=0) for ends in (pairs.source_ends, pairs.target_ends))
        self._lengths = source, target
        self._buckets: list[Indices] = [np.arange(len(source))]
        if given.bucketing_enabled:
            widths = _widths(float(source.mean()), float(target.mean()), given.bucket_width)
            number = np.maximum(*(-(-lengths // width) for lengths, width in zip(self._lengths, widths, strict=True)))
            self._buckets = [np.flatnonzero(number == each) for each in np.unique(number)]

    def __len__(self) -> int:
        """The number of batches of an epoch, always the same."""
        return sum(-(-len(bucket) // self._size) for bucket in self._buckets)

    def epoch(self, seed: int, epoch: int) -> list[Indices]:
        """The pairs of each batch of an epoch, in random order."""
        rng = np.random.default_rng([seed, epoch])
        drawn: list[Indices] = []
        for bucket in self._buckets:
            mixed = rng.permutation(bucket)
            drawn += [mixed[first : first + self._size] for first in range(0, len(mixed), self._size)]
        return [drawn[index] for index in rng.permutation(len(drawn))]

    def in_order(self) -> Iterator[Batch]:
        """All pairs once, by length."""
        source, target = self._lengths
        order = np.lexsort((source, target))
        for first in range(0, len(order), self._size):
            yield self.batch(order[first : first + self._size])

    def batch(self, rows: Indices) -> Batch:
        """The arrays of a batch."""
        source, source_lengths = _padded(self._pairs.source, self._pairs.source_ends, rows, 0)
        target, target_lengths = _padded(self._pairs.target, self._pairs.target_ends, rows, 1)
        target[np.arange(len(rows)), target_lengths - 1] = END
        return Batch(source, source_lengths, target, target_lengths)


def _widths(source: float, target: float, width: int) -> tuple[int, int]:
    """The steps of both sides from one bucket to the next."""
    other = max(1, round(width * min(source, target) / max(source, target)))
    return (width, other) if source >= target else (other, width)


def _padded(words: Words, ends: Indices, rows: Indices, extra: int) -> tuple[Words, Indices]:
    """The sentences `rows`, (B,), as one array, (B, longest + extra), and their lengths with `extra`, (B,)."""
    starts = np.where(rows > 0, ends[rows - 1], 0)
    lengths = ends[rows] - starts
    padded = np.full((len(rows), int(lengths.max()) + extra), PAD, np.int32)
    for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        padded[row, :length] = words[start : start + length]
    return padded, (lengths + extra).astype(np.int64)
