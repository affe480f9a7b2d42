"""The interfaces of training: sentences, batches, and a network that learns from them."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.arrays import Indices, Words
from forecastle.algorithms.seq2seq.network import Network


class Pairs(NamedTuple):
    """Sentences and their translations: the words of all of them, without <s> and </s>, and where each one ends."""

    source: Words  # (all source words,)
    source_ends: Indices  # (pairs,), cumulated
    target: Words
    target_ends: Indices


class Batch(NamedTuple):
    """Pairs that are learned at once. None of the sentences may be empty."""

    source: Words  # (B, S), padded with 0
    source_lengths: NDArray[np.int64]  # (B,), at least 1
    target: Words  # (B, T), without <s>, with </s> at the end, padded with 0
    target_lengths: NDArray[np.int64]  # (B,), at least 1

    def some(self, pairs: slice) -> "Batch":
        """Some of the pairs."""
        return Batch(self.source[pairs], self.source_lengths[pairs], self.target[pairs], self.target_lengths[pairs])


class Outcome(NamedTuple):
    """How well a batch was predicted, each word from those before it: sums over its target words."""

    negative_log_likelihood: float  # in nats, without label smoothing
    tokens: int
    correct: int  # tokens that were the most probable

    def __add__(self, other: "Outcome") -> "Outcome":  # type: ignore[override]  # sums, not a longer tuple
        return Outcome(
            self.negative_log_likelihood + other.negative_log_likelihood,
            self.tokens + other.tokens,
            self.correct + other.correct,
        )


class Learner(Protocol):
    """A network in training."""

    def step(self, batch: Batch, rate: float, seed: int) -> Outcome:
        """Train on a batch at a learning rate, and return its outcome before the step, with dropout.

        Everything random depends on `seed`. A batch whose outcome is not finite changes nothing.
        """

    def evaluate(self, batch: Batch) -> Outcome:
        """The outcome of a batch, without dropout; learns nothing."""

    def network(self) -> Network:
        """The network as it is now."""

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which `restore` continues."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state()` returned. Raises `KeyError` or `ValueError` if it is of another network."""
