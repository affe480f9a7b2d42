"""DeepAR's network in float64, word for word as `algorithms/deepar/network.py` describes it, for given paths."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.scale import MINIMUM_SCALE
from forecastle.algorithms.deepar.series import Series

Doubles = NDArray[np.float64]


def conditional_distributions(network: Network, series: Series, paths: Doubles) -> tuple[float, Doubles]:
    """The scale, and the likelihood's parameters at each step of each path: (parameters, paths, T), links applied.

    `paths` are (paths, T) and in the series' unit: the parameters at a step depend on the values before it alone.
    """
    count, steps = paths.shape
    target = series.target.astype(float)
    context = target[-network.context_length :] if len(target) else target
    observed = np.abs(context[~np.isnan(context)])
    scale = observed.mean() if observed.sum() > 0 else network.default_scale
    scale = 1.0 if network.likelihood.name == "beta" else max(scale, MINIMUM_SCALE)
    filler = 0.5 if network.likelihood.name == "beta" else 0.0
    known = np.where(np.isnan(target), filler, target)
    values = np.hstack([np.tile(known, (count, 1)), paths]) / scale

    hidden = np.zeros((len(network.layers), count, network.cells))
    state = np.zeros_like(hidden)
    parameters = np.empty((len(network.projection_bias), count, steps))
    for index in range(len(target) - network.context_length, len(target) + steps):
        output = _inputs(network, series, index, values, scale, filler)
        for number, layer in enumerate(network.layers):
            gates = output @ layer.input_weight.T.astype(float) + hidden[number] @ layer.hidden_weight.T.astype(float)
            gates += layer.input_bias.astype(float) + layer.hidden_bias.astype(float)
            enter, forget, cell, leave = np.split(gates, 4, axis=1)
            state[number] = _sigmoid(forget) * state[number] + _sigmoid(enter) * np.tanh(cell)
            hidden[number] = _sigmoid(leave) * np.tanh(state[number])
            output = hidden[number] + (output if number else 0)
        if index >= len(target):
            raw = output @ network.projection_weight.T.astype(float) + network.projection_bias.astype(float)
            parameters[:, :, index - len(target)] = raw.T
    return scale, _linked(network.likelihood.name, parameters)


def _inputs(network: Network, series: Series, index: int, values: Doubles, scale: float, filler: float) -> Doubles:
    lags = [values[:, index - lag] if index >= lag else np.full(len(values), filler / scale) for lag in network.lags]
    if index < 0:
        dynamic = np.full(len(network.frequency.features) + 1 + network.num_dynamic_feat, filler)
    else:
        time = network.frequency.time_features(series.start, index, 1)[:, 0]
        others = np.empty(0) if series.dynamic_feat is None else series.dynamic_feat[:, index]
        dynamic = np.concatenate([time, [np.log10(2.0 + index)], others])
    static = [embedding[category] for embedding, category in zip(network.embeddings, series.cat or (0,))]
    same = np.concatenate([dynamic, *static, [0.0, np.log(scale)]])
    return np.hstack([np.array(lags).T, np.tile(same, (len(values), 1))])


def _sigmoid(x: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-x)))


def _linked(likelihood: str, raw: Doubles) -> Doubles:
    def positive(row: Doubles) -> Doubles:
        return np.asarray(np.maximum(np.logaddexp(row, 0), np.finfo(np.float32).eps))

    match likelihood:
        case "gaussian":
            return np.stack([raw[0], positive(raw[1])])
        case "student-T":
            return np.stack([raw[0], positive(raw[1]), 2 + positive(raw[2])])
        case "beta" | "negative-binomial":
            return np.stack([positive(raw[0]), positive(raw[1])])
    return raw


def distribution(likelihood: str, scale: float, parameters: Doubles) -> "stats.rv_frozen":
    """The values' distribution in the series' unit."""
    match likelihood:
        case "gaussian":
            return stats.norm(parameters[0] * scale, parameters[1] * scale)
        case "student-T":
            return stats.t(parameters[2], parameters[0] * scale, parameters[1] * scale)
        case "beta":
            return stats.beta(parameters[0], parameters[1])
        case "negative-binomial":
            mean, size = parameters[0] * scale, 1 / parameters[1]
            return stats.nbinom(size, size / (size + mean))
    raise ValueError(likelihood)
