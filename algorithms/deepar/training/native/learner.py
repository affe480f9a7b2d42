"""The engine native: GluonTS-MXNet's network, or SageMaker's, and GluonTS' optimiser in our own kernels.

A batch is cut into micro-batches of a few windows, and these into shares, in a way that depends on their number only.
Each share has its own gradients, which are added in order. So the number of threads changes nothing.
"""

from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.scale import scales_of
from forecastle.algorithms.deepar.training.adam import descend, learning_rate_at
from forecastle.algorithms.deepar.training.native.plan import WIDTH, Plan, Workspace, packed_weights_of, workspace_of
from forecastle.algorithms.deepar.training.native.step import Batch, losses_and_gradients
from forecastle.algorithms.deepar.training.native.vector import WeightVector
from forecastle.algorithms.deepar.training.native.weights import pack
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.team import Team
from forecastle.algorithms.deepar.training.windows import Windows
from forecastle.kernels.threads import in_parallel

_SHARES = 16  # of a batch at most: each has its own gradients


class NativeLearner:
    """A `Learner` that runs on `threads` threads, by default one for each available core.

    Each host of a `team` computes the gradients of some shares of each batch, and the first one the new weights, which
    all hosts get; so the hosts' weights never differ, and are those of one host, but for the order of additions.
    """

    def __init__(self, settings: Settings, threads: int | None, team: Team | None = None) -> None:
        self._settings, self._threads = settings, threads
        self._team = team if team is not None and team.size > 1 else None
        self._vector = WeightVector.of(settings)
        self._weights = self._vector.initial(settings.seed)
        self._means, self._variances = np.zeros_like(self._weights), np.zeros_like(self._weights)
        self._steps = 0
        self._plan = plan_of(settings)
        self._packed = packed_weights_of(self._plan, self._weights)
        # One for each thread that has run at the same time as others.
        self._workspaces: SimpleQueue[Workspace] = SimpleQueue()
        self._gradients = np.empty((0, self._vector.size), np.float32)

    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        batch, micro_batches = self._batch(windows, seed), -(-len(windows) // WIDTH)
        pack(self._plan, self._packed)
        shares = min(micro_batches, _SHARES)
        own = range(shares) if self._team is None else self._team.shares(shares)
        losses = np.zeros(len(windows), np.float32)
        if len(self._gradients) < len(own):
            self._gradients = np.empty((len(own), self._vector.size), np.float32)
        gradients = self._gradients[: len(own)]
        gradients[:] = 0.0

        def work(start: int, stop: int) -> None:
            try:
                workspace = self._workspaces.get_nowait()
            except Empty:
                workspace = workspace_of(self._plan)
            for row, share in enumerate(own[start:stop], start):
                for micro_batch in range(share * micro_batches // shares, (share + 1) * micro_batches // shares):
                    losses_and_gradients(
                        self._plan,
                        self._packed,
                        batch,
                        micro_batch * WIDTH,
                        workspace,
                        losses,
                        gradients[row],
                    )
            self._workspaces.put(workspace)

        in_parallel(work, len(own), block=1, threads=self._threads)
        if self._team is not None:
            return self._descend_together(losses, gradients, learning_rate, self._team)
        self._descend(losses, gradients, learning_rate)
        return losses

    def _descend(self, losses: Floats, gradients: Floats, learning_rate: float) -> None:
        """Update the weights by the gradients, (any, size), of a batch with these losses, (windows,)."""
        if np.isfinite(losses).all():
            self._steps += 1
            descend(
                self._weights,
                self._means,
                self._variances,
                gradients,
                self._settings.gradient_scale / len(losses),
                learning_rate_at(learning_rate, self._steps),
            )

    def _descend_together(self, losses: Floats, gradients: Floats, learning_rate: float, team: Team) -> Floats:
        """The same with the gradients of all hosts; return the losses of all windows."""
        count = len(losses)

        def combine(parts: Floats) -> Floats:  # (hosts, windows + size)
            of_all = parts[:, :count].sum(axis=0)  # each window is computed by one host, and 0 elsewhere
            self._descend(of_all, np.ascontiguousarray(parts[:, count:]), learning_rate)
            return np.concatenate([of_all, self._weights])

        result = team.exchange(np.concatenate([losses, gradients.sum(axis=0)]), combine)
        self._weights[:] = result[count:]
        return result[:count].copy()

    def state(self) -> dict[str, NDArray[Any]]:
        vectors = {"weight": self._weights, "mean": self._means, "variance": self._variances}
        arrays = {
            f"{kind} {name}": array.copy()
            for kind, vector in vectors.items()
            for name, array in self._vector.split(vector).items()
        }
        return arrays | {"steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        vectors = {"weight": self._weights, "mean": self._means, "variance": self._variances}
        restored = {kind: np.empty_like(vector) for kind, vector in vectors.items()}
        for kind, vector in restored.items():
            for name, array in self._vector.split(vector).items():
                given = state[f"{kind} {name}"]
                if given.shape != array.shape:
                    raise ValueError(f"{kind} {name}: expected the shape {array.shape}, got {given.shape}.")
                array[:] = given
        for kind, vector in vectors.items():
            vector[:] = restored[kind]
        self._steps = int(state["steps"])

    def network(self) -> Network:
        return self._settings.network(self._vector.split(self._weights))

    def _batch(self, windows: Windows, seed: int) -> Batch:
        if self._plan.scaled:
            default = self._settings.data.mean_magnitude if self._settings.kind.default_scale_of_all else 0.0
            scales = scales_of(windows.past, windows.past_observed, self._plan.context, default)
        else:
            scales = np.ones(len(windows), np.float32)
        return Batch(
            windows.past,
            windows.past_observed,
            windows.past_features,
            windows.future,
            windows.future_observed,
            windows.future_features,
            windows.cat,
            windows.padded,
            scales,
            np.uint64(seed),
        )


def plan_of(settings: Settings) -> Plan:
    """The sizes that kernels need."""
    given = settings.given
    return Plan(
        cells=given.num_cells,
        layers=given.num_layers,
        context=given.context_length,
        steps=given.context_length + given.prediction_length,
        likelihood=given.likelihood.number,
        parameters=len(given.likelihood.parameters),
        lags=np.array(given.time_freq.lags, np.int64),
        varying=settings.varying_inputs,
        inputs=settings.step_inputs,
        embeddings=np.array(settings.embedding_shapes, np.int64),
        zoneout=given.dropout_rate * 2**16 - 0.5,
        scaled=given.likelihood.scaled,
        reset_while_padded=settings.kind.reset_while_padded,
        missing_is_mean=settings.kind.missing_is_mean,
    )
