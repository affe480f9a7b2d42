"""The engine mxnet: GluonTS' DeepAR training network, with zoneout, on MXNet 1.9. MXNet is imported only here.

The network, its initial weights and its losses are GluonTS'. Two things differ, for speed: each layer's
inputs are projected at once for all steps, and Adam's steps use no key-value store.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.scale import MINIMUM_SCALE
from forecastle.algorithms.deepar.training.adam import (
    BETA1,
    BETA2,
    CLIP_GRADIENT,
    EPSILON,
    WEIGHT_DECAY,
    learning_rate_at,
)
from forecastle.algorithms.deepar.training.kind import GLUONTS
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.windows import Windows
from forecastle.contract.errors import InvalidJob

_PARTS = {
    "i2h_weight": "input_weight",
    "h2h_weight": "hidden_weight",
    "i2h_bias": "input_bias",
    "h2h_bias": "hidden_bias",
}


def arrays_of(net: Any) -> dict[str, Floats]:
    """The arrays of GluonTS' training or prediction network, by the names of `Network.arrays`."""
    arrays: dict[str, Floats] = {}
    heads: dict[str, list[Floats]] = {"weight": [], "bias": []}
    for name, parameter in net._collect_params_with_prefix().items():
        kind, number, *_, part = name.split(".")
        array = parameter.data().asnumpy()
        if kind == "rnn":
            arrays[f"layer{number}_{_PARTS[part]}"] = array
        elif kind == "embedder":
            arrays[f"embedding{number}"] = array
        else:
            heads[part].append(array)
    return arrays | {f"projection_{part}": np.concatenate(rows) for part, rows in heads.items()}


class MxnetLearner:
    """A `Learner` that runs on one thread, see `_mxnet`.

    Raises `InvalidJob` if MXNet or GluonTS is not installed, or if the network is not GluonTS'.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.kind is not GLUONTS:
            raise InvalidJob(
                f"Hyperparameter network must be auto or gluonts with DEEPAR_ENGINE=mxnet. "
                f"Got {settings.kind.name!r}: the default engine, native, trains it."
            )
        self._mx = _mxnet()
        self._settings = settings
        self._mx.random.seed(settings.seed % 2**31)
        self._net = _network(self._mx, settings)
        self._net.initialize(init="xavier")
        self._net.hybridize(static_alloc=True, static_shape=True)
        # By the path in the network: MXNet's own names count the networks of a process.
        self._weights = dict(self._net._collect_params_with_prefix())
        zeros = self._mx.nd.zeros
        self._means = {name: zeros(weight.shape) for name, weight in self._weights.items()}
        self._variances = {name: zeros(weight.shape) for name, weight in self._weights.items()}
        self._steps = 0

    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        mx, count = self._mx, len(windows)
        mx.random.seed(seed)
        inputs = self._inputs(windows)
        with mx.autograd.record():
            losses = self._net(*inputs)[0]
        values: Floats = losses.asnumpy()[:count]
        if np.isfinite(values).all():
            losses.backward()
            self._descend(learning_rate, self._settings.gradient_scale / count)
        return values

    def state(self) -> dict[str, NDArray[Any]]:
        arrays = {f"weight {name}": weight.data().asnumpy() for name, weight in self._weights.items()}
        arrays |= {f"mean {name}": mean.asnumpy() for name, mean in self._means.items()}
        arrays |= {f"variance {name}": variance.asnumpy() for name, variance in self._variances.items()}
        return arrays | {"steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        for name, weight in self._weights.items():
            weight.data()[:] = state[f"weight {name}"]
            self._means[name][:] = state[f"mean {name}"]
            self._variances[name][:] = state[f"variance {name}"]
        self._steps = int(state["steps"])

    def network(self) -> Network:
        return self._settings.network(arrays_of(self._net))

    def _inputs(self, windows: Windows) -> list[Any]:
        """The network's inputs, in their order. A batch that is not full is filled up with windows of weight 0.

        MXNet plans a network for one shape: it would plan again at each epoch's last batch, and at the next first one.
        """
        missing = max(0, self._settings.given.mini_batch_size - len(windows))

        def full(array: Floats, filling: Floats | None = None) -> Any:
            rows = array[:1] if filling is None else filling
            return self._mx.nd.from_numpy(np.concatenate([array, np.repeat(rows, missing, axis=0)]))

        unobserved = (
            np.zeros((1, windows.past.shape[1]), np.float32),
            np.zeros((1, windows.future.shape[1]), np.float32),
        )
        return [
            full(windows.cat),
            full(np.zeros((len(windows), 1), np.float32)),
            full(windows.past_features),
            full(windows.past),
            full(windows.past_observed, unobserved[0]),
            full(np.zeros_like(windows.past)),
            full(windows.future_features),
            full(windows.future),
            full(windows.future_observed, unobserved[1]),
        ]

    def _descend(self, learning_rate: float, gradient_scale: float) -> None:
        self._steps += 1
        rate = learning_rate_at(learning_rate, self._steps)
        for name, weight in self._weights.items():
            self._mx.nd.adam_update(
                weight.data(),
                weight.grad(),
                self._means[name],
                self._variances[name],
                lr=rate,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=EPSILON,
                wd=WEIGHT_DECAY,
                rescale_grad=gradient_scale,
                clip_gradient=CLIP_GRADIENT,
                out=weight.data(),
            )


def _mxnet() -> Any:
    """MXNet, imported without its warnings. Raises `InvalidJob` if it is not installed."""
    # MXNet reads these at import. Its operations here are small: a second thread gains nothing, and on busy cores
    # threads that wait for each other make a batch a hundred times slower.
    for name in ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"):
        os.environ.setdefault(name, "1")
    setattr(np, "bool", np.bool_)  # noqa: B010 - MXNet reads the name, which numpy 1.24 removed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import gluonts.mx
            import mxnet
    except (ImportError, OSError) as error:
        raise InvalidJob(
            f"The engine mxnet cannot be loaded ({str(error).rstrip('.')}): "
            "it needs the packages mxnet 1.9.1 and gluonts 0.17.0, which exist for Linux on x86_64; "
            "leave the setting DEEPAR_ENGINE out to train with the engine native."
        ) from None
    del gluonts
    return mxnet


def _network(mx: Any, settings: Settings) -> Any:
    """GluonTS' training network, with all shapes set, so that its weights exist at once."""
    from gluonts.mx.model.deepar._network import DeepARTrainingNetwork

    frequency = settings.given.time_freq
    embeddings = settings.embedding_shapes
    net = DeepARTrainingNetwork(
        num_layers=settings.given.num_layers,
        num_cells=settings.given.num_cells,
        cell_type="lstm",
        history_length=settings.history,
        context_length=settings.given.context_length,
        prediction_length=settings.given.prediction_length,
        distr_output=_output(settings.given.likelihood),
        dropoutcell_type="ZoneoutCell",
        dropout_rate=settings.given.dropout_rate,
        cardinality=[categories for categories, _ in embeddings],
        embedding_dimension=[dimension for _, dimension in embeddings],
        lags_seq=list(frequency.lags),
        scaling=settings.given.likelihood.scaled,
        minimum_scale=MINIMUM_SCALE,
    )
    cells = [_lstm(net.rnn[number]) for number in range(settings.given.num_layers)]
    width = settings.step_inputs
    for number, cell in enumerate(cells):
        cell.i2h_weight.shape = (4 * settings.given.num_cells, width if number == 0 else settings.given.num_cells)
    for dense in net.proj_distr_args.proj:
        dense.weight.shape = (dense.weight.shape[0], settings.given.num_cells)
    # Replace the attribute: GluonTS makes the container itself.
    net.rnn.unroll = _Unrolling(mx, cells, settings.given.dropout_rate)
    return net


def _lstm(cell: Any) -> Any:
    while hasattr(cell, "base_cell"):  # zoneout and the residual connection wrap it
        cell = cell.base_cell
    return cell


class _Unrolling:
    """The same as GluonTS' stack of cells, in fewer and larger operations.

    LSTM layers with zoneout (Krueger et al., 2017), each but the first with a residual connection. MXNet itself
    projects each step's inputs separately, most of the operations of a step.
    """

    def __init__(self, mx: Any, cells: Sequence[Any], zoneout: float) -> None:
        self._sym = mx.sym
        self._cells = cells
        self._zoneout = zoneout

    def __call__(
        self, inputs: Any, length: int, begin_state: Sequence[Any], layout: str, merge_outputs: bool
    ) -> tuple[Any, list[Any]]:
        """Outputs, (n, length, cells), and the last states, from symbols: inputs are (n, length, width)."""
        assert layout == "NTC", "the only layout GluonTS asks for"
        assert merge_outputs, "and the only way"
        states: list[Any] = []
        for number, cell in enumerate(self._cells):
            outputs, last = self._layer(cell, inputs, length, begin_state[2 * number : 2 * number + 2])
            inputs = inputs + outputs if number else outputs
            states += last
        return inputs, states

    def _layer(self, cell: Any, inputs: Any, length: int, state: Sequence[Any]) -> tuple[Any, list[Any]]:
        sym, gates = self._sym, 4 * cell._hidden_size
        hidden, memory = state
        projected = sym.FullyConnected(
            sym.transpose(inputs, axes=(1, 0, 2)),
            cell.i2h_weight.var(),
            cell.i2h_bias.var(),
            num_hidden=gates,
            flatten=False,
        )
        steps = sym.split(projected, num_outputs=length, axis=0, squeeze_axis=True) if length > 1 else [projected[0]]
        outputs = []
        for step in steps:
            sums = step + sym.FullyConnected(hidden, cell.h2h_weight.var(), cell.h2h_bias.var(), num_hidden=gates)
            enter, forget, candidate, leave = sym.split(sums, num_outputs=4)
            new_memory = sym.sigmoid(forget) * memory + sym.sigmoid(enter) * sym.tanh(candidate)
            output = sym.sigmoid(leave) * sym.tanh(new_memory)
            outputs.append(output)
            hidden, memory = self._zoned(output, hidden), self._zoned(new_memory, memory)
        return sym.stack(*outputs, axis=1), [hidden, memory]

    def _zoned(self, new: Any, old: Any) -> Any:
        """`new`, with a random share of its elements from `old`, in training."""
        if self._zoneout == 0:
            return new
        return self._sym.where(self._sym.Dropout(self._sym.ones_like(new), p=self._zoneout), new, old)


def _output(likelihood: Likelihood) -> Any:
    """GluonTS' likelihood, or one that it lacks: the absolute error."""
    from gluonts.mx import distribution
    from gluonts.mx.distribution.distribution import getF
    from gluonts.mx.distribution.distribution_output import DistributionOutput

    class Location:
        """The part of a `Distribution` that the training network uses: a loss."""

        def __init__(self, location: Any) -> None:
            self._location = location

        def loss(self, values: Any) -> Any:
            return (values - self._location).abs()

    class LocationOutput(DistributionOutput):  # type: ignore[misc]  # GluonTS has no types here
        """A point, trained by its absolute error; GluonTS' `Deterministic` cannot be trained."""

        args_dim = {"location": 1}  # noqa: RUF012 - as in every DistributionOutput

        @property
        def event_shape(self) -> tuple[int, ...]:
            return ()

        def domain_map(self, F: Any, location: Any) -> tuple[Any]:
            del F
            return (location.squeeze(axis=-1),)

        def distribution(self, distr_args: Sequence[Any], loc: Any = None, scale: Any = None) -> Location:
            assert loc is None, "the training network gives none"
            return Location(getF(scale).broadcast_mul(distr_args[0], scale))

    return LocationOutput() if likelihood.gluonts is None else getattr(distribution, likelihood.gluonts)()
