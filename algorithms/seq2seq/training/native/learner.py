"""The engine native: a `Learner` in our own kernels.

A batch is cut into two shares, of every other sentence, whatever the number of threads. Each has its own gradients,
which are added in order. So the number of threads changes nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.learner import Batch, Outcome
from forecastle.algorithms.seq2seq.training.native.dropout import Dropout
from forecastle.algorithms.seq2seq.training.native.engine import learn
from forecastle.algorithms.seq2seq.training.native.optimizer import descend, square_sum
from forecastle.algorithms.seq2seq.training.native.panels import Panels
from forecastle.algorithms.seq2seq.training.native.vector import Vector
from forecastle.algorithms.seq2seq.training.settings import Optimization, Regularization
from forecastle.kernels.threads import in_parallel

_SHARES = 2
_BLOCK = 1 << 16  # numbers of a vector, of a thread at once


class NativeLearner:
    """Trains a network, which is not changed, on up to `threads` threads; by default one for each available core."""

    def __init__(
        self,
        network: Network,
        regularization: Regularization | None = None,
        optimization: Optimization | None = None,
        threads: int | None = None,
    ) -> None:
        self._architecture = network.architecture
        self._regularization = regularization or Regularization()
        self._optimization = optimization or Optimization()
        self._threads = threads
        self._layout = Layout.of(network.architecture)
        self._weights, self._means, self._squares = (Vector(self._layout) for _ in range(3))
        self._weights.fill(network.weights)
        self._gradients = [Vector(self._layout) for _ in range(_SHARES)]
        self._panels = Panels(self._layout, self._weights.arrays)
        self._steps = 0

    def step(self, batch: Batch, rate: float, seed: int) -> Outcome:
        outcome = self.gradients(batch, seed)
        factor = 1 / (outcome.tokens if self._optimization.per_token else len(batch.source))
        if not np.isfinite(outcome.negative_log_likelihood):
            return outcome
        first, second = (vector.values for vector in self._gradients)
        if self._optimization.clip_norm > 0:
            norm = factor * self._norm()
            if not np.isfinite(norm):
                return outcome
            factor *= min(1.0, self._optimization.clip_norm / max(norm, 1e-30))
        self._steps += 1
        vectors = self._weights.values, self._means.values, self._squares.values

        def work(start: int, stop: int) -> None:
            weights, means, squares = (vector[start:stop] for vector in vectors)
            gradients = first[start:stop], second[start:stop]
            descend(self._optimization, rate, self._steps, factor, weights, gradients, means, squares)

        in_parallel(work, len(first), block=_BLOCK, threads=self._threads)
        return outcome

    def gradients(self, batch: Batch, seed: int) -> Outcome:
        """The outcome of a batch; the gradients of its summed loss are then in `gradient_arrays`."""
        return self._learn(batch, self._regularization, seed, learning=True)

    def gradient_arrays(self) -> dict[str, NDArray[np.float32]]:
        """The gradients of the last batch, by name."""
        first, second = (vector.unpadded() for vector in self._gradients)
        return {name: array + second[name] for name, array in first.items()}

    def evaluate(self, batch: Batch) -> Outcome:
        return self._learn(batch, Regularization(), 0, learning=False)

    def network(self) -> Network:
        return Network(self._architecture, self._weights.unpadded())

    def state(self) -> dict[str, NDArray[Any]]:
        arrays = {
            f"{kind} {name}": array
            for kind, vector in self._vectors().items()
            for name, array in vector.unpadded().items()
        }
        return arrays | {"steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        shapes = {name: array.shape for name, array in self.network().weights.items()}
        given: dict[str, dict[str, NDArray[Any]]] = {}
        for kind in self._vectors():
            given[kind] = {name: state[f"{kind} {name}"] for name in shapes}
            for name, array in given[kind].items():
                if array.shape != shapes[name]:
                    raise ValueError(f"{kind} {name}: expected the shape {shapes[name]}, got {array.shape}.")
        steps = int(state["steps"])
        for kind, vector in self._vectors().items():
            vector.fill(given[kind])
        self._steps = steps

    def _vectors(self) -> dict[str, Vector]:
        return {"weight": self._weights, "mean": self._means, "square": self._squares}

    def _learn(self, batch: Batch, regularization: Regularization, seed: int, *, learning: bool) -> Outcome:
        self._panels.pack(backward=learning, threads=self._threads)
        shares = min(_SHARES, len(batch.source))
        outcomes = [Outcome(0.0, 0, 0)] * _SHARES

        def work(start: int, stop: int) -> None:
            for share in range(start, stop):
                if learning:
                    self._gradients[share].values[:] = 0.0
                if share >= shares:
                    continue
                outcomes[share] = learn(
                    self._layout,
                    self._weights.arrays,
                    self._panels,
                    batch.some(slice(share, None, _SHARES)),
                    Dropout(
                        regularization.embed_dropout_source,
                        regularization.embed_dropout_target,
                        regularization.rnn_decoder_hidden_dropout,
                        seed,
                        share,
                    ),
                    regularization.label_smoothing,
                    self._gradients[share].arrays if learning else None,
                )

        in_parallel(work, _SHARES, block=1, threads=self._threads)
        return outcomes[0] + outcomes[1]

    def _norm(self) -> float:
        """The norm of the gradients' sum."""
        first, second = (vector.values for vector in self._gradients)
        sums = np.zeros(-(-len(first) // _BLOCK))

        def work(start: int, stop: int) -> None:
            sums[start // _BLOCK] = square_sum(first[start:stop], second[start:stop])

        in_parallel(work, len(first), block=_BLOCK, threads=self._threads)
        return float(np.sqrt(sums.sum()))
