"""A network for inference kernels: its weights, packed in the order of their use."""

from typing import NamedTuple

from forecastle.algorithms.deepar.arrays import Floats, Indices
from forecastle.kernels.lanes import LANES

CHUNK = 3 * LANES  # units that the encoder's kernels process at once: rows are padded to a multiple


class Weights(NamedTuple):
    """The weights of a network. K inputs per step, H cells, L layers; H⁺ is H padded. Gates are folded, see `lstm`."""

    cells: int
    layers: int
    likelihood: int  # its number
    lags: Indices  # (lags,), ascending
    # For the encoder, whose lanes are units: gate g of unit u is at g·H⁺ + u.
    encoder_input: Floats  # (K + 1, 4·H⁺): the last row is the bias of layer 0
    encoder_inputs: Floats  # (L − 1, H + 1, 4·H⁺): of the layers but the first; the last row is the bias
    encoder_hidden: Floats  # (L, H, 4·H⁺)
    # For the paths, whose lanes are paths: gate g of unit u is at 4·u + g.
    start_input: Floats  # (K + 1, 4·H padded): for the common part of a step's gates of all paths of a series
    path_weights: Floats  # flat: layer 0 (H, H + lags, 4), the others (H, 2·H, 4): of the inputs, then of the state
    path_bias: Floats  # flat: (L − 1, H, 4)
    projection: Floats  # (H + 1, 4): a column for each parameter; the last row is the bias
    reset_while_padded: bool  # as in `Network`, like the next one
    missing_is_mean: bool


def padded(count: int) -> int:
    """The next multiple of CHUNK."""
    return -(-count // CHUNK) * CHUNK
