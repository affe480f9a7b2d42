"""A network as its kernels read it: weights packed in the order in which they are used.

The gates are laid so that 2^gate is what the cell wants: those of the sigmoids are multiplied by −log₂ e, the cell gate
by −2·log₂ e (see `cell`).
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.network import Floats, Network, number_of
from forecastle.kernels.elementary import LOG2_E
from forecastle.kernels.lanes import LANES

CHUNK = 3 * LANES  # what the kernels that are not about paths take at once: rows are padded to a multiple
_GATE_FACTORS = np.array([-LOG2_E, -LOG2_E, -2 * LOG2_E, -LOG2_E], np.float32)


class Layout(NamedTuple):
    """What every series of a network has in common. K inputs a step, H cells, L layers; H⁺ is H padded."""

    cells: int
    layers: int
    likelihood: int  # its `number_of`
    lags: NDArray[np.int64]  # (lags,), ascending
    # For the encoder, whose lanes are units: gate g of unit u stands at g·H⁺ + u.
    encoder_input: Floats  # (K + 1, 4·H⁺): the last row is the bias of layer 0
    encoder_inputs: Floats  # (L − 1, H + 1, 4·H⁺): of the layers but the first; the last row is the bias
    encoder_hidden: Floats  # (L, H, 4·H⁺)
    # For the paths, whose lanes are paths: gate g of unit u stands at 4·u + g.
    start_input: Floats  # (K + 1, 4·H padded): what a step begins with, the same for all paths of a series
    path_weights: Floats  # flat: layer 0 (H, H + lags, 4), the others (H, 2·H, 4): of the inputs, then of the state
    path_bias: Floats  # flat: (L − 1, H, 4)
    projection: Floats  # (H + 1, 4): a column for each parameter; the last row is the bias
    reset_while_padded: bool  # as the network's, and so is the other
    missing_is_mean: bool


@functools.lru_cache(maxsize=8)
def layout_of(network: Network) -> Layout:
    """Pack a network; the last few are kept."""
    cells, count = network.cells, len(network.lags)
    first, later = network.layers[0], network.layers[1:]
    first_input = np.vstack([first.input_weight.T, first.input_bias + first.hidden_bias])
    bias = np.array([layer.input_bias + layer.hidden_bias for layer in later], np.float32).reshape(-1, 4 * cells)
    inputs = [np.vstack([layer.input_weight.T, row]) for layer, row in zip(later, bias)]
    return Layout(
        cells=cells,
        layers=len(network.layers),
        likelihood=number_of(network.likelihood),
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
    columns = np.zeros((network.cells + 1, 4), np.float32)
    columns[:, : len(network.projection_bias)] = np.vstack([network.projection_weight.T, network.projection_bias])
    return columns


def padded(count: int) -> int:
    """The next multiple of CHUNK."""
    return -(-count // CHUNK) * CHUNK


def _by_gate(rows: Floats, cells: int) -> Floats:
    """(…, 4·H) → (…, 4·H⁺), folded."""
    gates = np.zeros((*rows.shape[:-1], 4, padded(cells)), np.float32)
    gates[..., :cells] = rows.reshape(*rows.shape[:-1], 4, cells) * _GATE_FACTORS[:, None]
    return gates.reshape(*rows.shape[:-1], 4 * padded(cells))


def _by_unit(rows: Floats, cells: int) -> Floats:
    """(n, 4·H) → (n, 4·H), folded, the gates of a unit side by side."""
    units = rows.reshape(-1, 4, cells) * _GATE_FACTORS[:, None]
    return np.ascontiguousarray(units.transpose(0, 2, 1)).reshape(len(rows), 4 * cells)


def _padded(rows: Floats) -> Floats:
    wide = np.zeros((len(rows), padded(rows.shape[1])), np.float32)
    wide[:, : rows.shape[1]] = rows
    return wide


def _for_paths(sides: list[Floats], cells: int) -> Floats:
    """Weights (4·H, k) of one or more kinds of input → flat (H, Σ k, 4)."""
    rows = _by_unit(np.vstack([side.T for side in sides]), cells)  # (Σ k, 4·H)
    return rows.reshape(-1, cells, 4).transpose(1, 0, 2).ravel()
