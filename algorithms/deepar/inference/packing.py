"""Packing of a network for inference kernels."""

import functools

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.weights import Weights, padded
from forecastle.algorithms.deepar.lstm import GATE_FACTORS
from forecastle.algorithms.deepar.network import Network


@functools.lru_cache(maxsize=8)
def pack(network: Network) -> Weights:
    """The weights of a network for kernels; those of the last networks are cached."""
    cells, count = network.cells, len(network.lags)
    first, later = network.layers[0], network.layers[1:]
    first_input = np.vstack([first.input_weight.T, first.input_bias + first.hidden_bias])
    bias = np.array([layer.input_bias + layer.hidden_bias for layer in later], np.float32).reshape(-1, 4 * cells)
    inputs = [np.vstack([layer.input_weight.T, row]) for layer, row in zip(later, bias)]
    return Weights(
        cells=cells,
        layers=len(network.layers),
        likelihood=network.likelihood.number,
        lags=np.array(network.lags, np.int64),
        encoder_input=_by_gate(first_input, cells),
        encoder_inputs=_by_gate(np.array(inputs, np.float32).reshape(-1, cells + 1, 4 * cells), cells),
        encoder_hidden=_by_gate(np.array([layer.hidden_weight.T for layer in network.layers]), cells),
        start_input=_padded(_by_unit(first_input, cells)),
        path_weights=np.concatenate(
            [_for_paths([first.hidden_weight, first.input_weight[:, :count]], cells)]
            + [_for_paths([layer.input_weight, layer.hidden_weight], cells) for layer in later]
        ),
        path_bias=_by_unit(bias, cells).ravel(),
        projection=_projection(network),
        reset_while_padded=network.reset_while_padded,
        missing_is_mean=network.missing_is_mean,
    )


def _projection(network: Network) -> Floats:
    """(H + 1, 4): the projection's weights, (parameters, H), transposed, above its bias."""
    columns = np.zeros((network.cells + 1, 4), np.float32)
    columns[:, : len(network.projection_bias)] = np.vstack([network.projection_weight.T, network.projection_bias])
    return columns


def _by_gate(rows: Floats, cells: int) -> Floats:
    """(…, 4·H) → (…, 4·H⁺), folded."""
    gates = np.zeros((*rows.shape[:-1], 4, padded(cells)), np.float32)
    gates[..., :cells] = rows.reshape(*rows.shape[:-1], 4, cells) * GATE_FACTORS[:, None]
    return gates.reshape(*rows.shape[:-1], 4 * padded(cells))


def _by_unit(rows: Floats, cells: int) -> Floats:
    """(n, 4·H) → (n, 4·H), folded, with the gates of a unit next to each other."""
    units = rows.reshape(-1, 4, cells) * GATE_FACTORS[:, None]
    return np.ascontiguousarray(units.transpose(0, 2, 1)).reshape(len(rows), 4 * cells)


def _padded(rows: Floats) -> Floats:
    """(n, width) → (n, width padded), with zeros."""
    wide = np.zeros((len(rows), padded(rows.shape[1])), np.float32)
    wide[:, : rows.shape[1]] = rows
    return wide


def _for_paths(sides: list[Floats], cells: int) -> Floats:
    """The weights, (4·H, k) each, of one or more groups of inputs → flat (H, Σ k, 4)."""
    rows = _by_unit(np.vstack([side.T for side in sides]), cells)  # (Σ k, 4·H)
    return rows.reshape(-1, cells, 4).transpose(1, 0, 2).ravel()
