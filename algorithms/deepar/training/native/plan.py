"""What training kernels share: sizes (Plan), packed weights (PackedWeights) and scratch memory (Workspace).

Lanes are windows: `WIDTH` of them, a micro-batch, run through all steps at once, forward and backward. All memory is
made of rows of such lanes. Gate g of unit u is row 4·u + g here; in the network it is row g·H + u.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats, Indices
from forecastle.algorithms.deepar.lstm import Sums
from forecastle.kernels.compiled import inlined, kernel, part
from forecastle.kernels.lanes import LANES, SIZES, aligned, load

SIZE = SIZES[2]
WIDTH = len(SIZE) * LANES
BLOCK_STEPS = 8  # steps whose weight gradients are summed at once, so that what is read stays in the cache
TILE_ROWS = 6  # rows of a weight gradient that are summed at once


class Plan(NamedTuple):
    """The sizes of a network. K inputs of which V vary from step to step, H cells, L layers, T steps, P parameters."""

    cells: int
    layers: int
    context: int
    steps: int  # context and forecast
    likelihood: int  # its number
    parameters: int  # of the likelihood
    lags: Indices  # (lags,), ascending
    varying: int
    inputs: int
    embeddings: Indices  # (categorical features, 2): categories and dimension of each
    zoneout: float  # a random number of 16 bits above it lets a state change; below 0 all states change
    scaled: bool
    reset_while_padded: bool  # as the network's, and so is the other
    missing_is_mean: bool


class PackedWeights(NamedTuple):
    """The weights, and the same in the order in which kernels read them, packed for each batch.

    A layer begins at `forward_at` and `backward_at`.
    """

    vector: Floats  # (size,): all weights in the network's order, see `layer_at`
    forward: Floats  # flat: each layer's (H, inputs + H, 4), folded (see `lstm`); of layer 0 the inputs that vary
    backward: Floats  # flat: each layer's (rows / 4, 4·H, 4), its rows being its states, then, but for layer 0, inputs
    projection: Floats  # (H + 1, 4): a column for each parameter; the last row is the bias
    lags: Floats  # (lags, 4·H): those of the lags in layer 0, rows as in the kernels; only if missing values are means


class Workspace(NamedTuple):
    """The memory that a micro-batch is computed in, all of it rows of lanes, flat. H⁺ is H padded to four."""

    scales: Floats  # (2): the windows' scales, and their logarithms
    values: Floats  # (longest lag + T): the windows' values divided by their scales
    targets: Floats  # (T): the values that are forecast
    loss_weights: Floats  # (T): the weight of each step's loss in its window's; 0 if the value is missing
    padded: Floats  # (2): the steps that each window has before its series' start; the most of them, in every lane
    missing: Floats  # (T): 1 where a value is to be replaced by the mean of its step
    value_gradients: Floats  # (T): the gradients of the values that lags take, where they are means
    static: Floats  # (2·(K − V)): the inputs that do not vary, and their gradients
    inputs: Floats  # each layer's (T + 1, inputs + H): a step's inputs and the states h before it
    states: Floats  # (L, T + 1, H): the states c before each step
    gates: Floats  # (L, T, 4·H): the gates, activated
    tanh_states: Floats  # (L, T, H): tanh of each step's c
    masks: Floats  # (L, T, H / 16): zoneout's masks, a bit for each state, 1 where it changes
    outputs: Floats  # (T, H⁺): the last layer's outputs; then the gradients of a layer's outputs
    initial_sums: Floats  # (L, 4·H): biases and static inputs, which each step's gates begin with
    step_gradients: Floats  # (L, BLOCK_STEPS, 4·H): the gradients of the gates of some steps
    gradient_sums: Floats  # (L, 4·H): the same, summed over all steps
    state_gradients: Floats  # (L, 2·H⁺): the gradients of h and c, from step to step backward
    head: Floats  # (10): a step's likelihood parameters; its loss, their gradients, and what its mean adds to these
    losses: Floats  # (1): the windows' losses
    projection_gradient: Floats  # (4·(H + 1))
    transposed: Floats  # (columns / 16, BLOCK_STEPS, 16): the inputs of some steps, with lanes as rows
    weight_gradient: Floats  # each layer's (4·H + TILE_ROWS, columns), the columns padded to 16


def workspace_of(plan: Plan) -> Workspace:
    """Memory for a micro-batch. Kernels also read beyond a row's end, so everything is set to zero first."""
    cells, layers, steps, padded = plan.cells, plan.layers, plan.steps, padded_cells(plan)
    rows = {
        "scales": 2,
        "values": int(plan.lags[-1]) + steps,
        "targets": steps,
        "loss_weights": steps,
        "padded": 2,
        "missing": steps,
        "value_gradients": steps,
        "static": 2 * (plan.inputs - plan.varying),
        "inputs": inputs_at(plan, layers),
        "states": layers * (steps + 1) * cells,
        "gates": layers * steps * 4 * cells,
        "tanh_states": layers * steps * cells,
        "masks": layers * steps * mask_rows(plan),
        "outputs": steps * padded,
        "initial_sums": layers * 4 * cells,
        "step_gradients": layers * BLOCK_STEPS * 4 * cells,
        "gradient_sums": layers * 4 * cells,
        "state_gradients": layers * 2 * padded,
        "head": 10,
        "losses": 1,
        "projection_gradient": 4 * (cells + 1),
        "transposed": max(gradient_columns(plan, layer) for layer in range(layers)) * BLOCK_STEPS,
        "weight_gradient": weight_gradient_at(plan, layers) // WIDTH,
    }
    # One allocation, for which the system uses large pages.
    sizes = [(count + TILE_ROWS) * WIDTH for count in rows.values()]
    everything = aligned(sum(sizes))
    everything[:] = 0.0
    return Workspace(**dict(zip(rows, np.split(everything, np.cumsum(sizes)[:-1]))))


def packed_weights_of(plan: Plan, vector: Floats) -> PackedWeights:
    """Memory for the packed weights of a vector, (size,), which is not copied; `pack` fills it."""
    return PackedWeights(
        vector=vector,
        forward=aligned(forward_at(plan, plan.layers)),
        backward=aligned(backward_at(plan, plan.layers)),
        projection=np.zeros((plan.cells + 1) * 4, np.float32),
        lags=np.zeros(len(plan.lags) * 4 * plan.cells, np.float32),
    )


@kernel
def padded_cells(plan: Plan) -> int:
    """H⁺: the cells, padded to a multiple of four."""
    return (plan.cells + 3) // 4 * 4


@kernel
def mask_rows(plan: Plan) -> int:
    """The rows of a step's `masks`: a word for each 16 units of a window."""
    return (plan.cells + 15) // 16


@kernel
def layer_rows(plan: Plan, layer: int) -> int:
    """The rows of a layer's step: its inputs and its states h."""
    return plan.cells + (plan.varying if layer == 0 else plan.cells)


@kernel
def gradient_columns(plan: Plan, layer: int) -> int:
    """The columns of the gradient of a layer's weights, padded to 16."""
    return (layer_rows(plan, layer) + 15) // 16 * 16


@kernel
def inputs_at(plan: Plan, layer: int) -> int:
    """The row of `inputs` at which a layer begins."""
    return (plan.steps + 1) * _rows_before(plan, layer)


@kernel
def forward_at(plan: Plan, layer: int) -> int:
    """Where a layer's forward weights begin."""
    return 4 * plan.cells * _rows_before(plan, layer)


@part
def _rows_before(plan: Plan, layer: int) -> int:
    """The rows of a step in all layers before one."""
    return 0 if layer == 0 else layer_rows(plan, 0) + (layer - 1) * 2 * plan.cells


@kernel
def backward_at(plan: Plan, layer: int) -> int:
    """Where a layer's backward weights begin."""
    return 0 if layer == 0 else (2 * layer - 1) * padded_cells(plan) * 4 * plan.cells


@kernel
def weight_gradient_at(plan: Plan, layer: int) -> int:
    """Where the gradient of a layer's weights begins."""
    before = 0 if layer == 0 else gradient_columns(plan, 0) + (layer - 1) * gradient_columns(plan, 1)
    return (4 * plan.cells + TILE_ROWS) * before


@kernel
def layer_at(plan: Plan, layer: int) -> int:
    """Where a layer begins in the vector of all weights: those of inputs and states, two biases; then the next layer.

    The embeddings are after the last layer, and the projection after those.
    """
    before = 0 if layer == 0 else plan.inputs + 2 + plan.cells + (layer - 1) * (2 * plan.cells + 2)
    return 4 * plan.cells * before


@inlined
def four_rows(rows: Floats, at: int) -> Sums:
    """Load four rows of lanes of `rows`, a pointer to flat memory, from element `at` on: a vector of WIDTH for each."""
    return (
        load(rows, at, SIZE),
        load(rows, at + WIDTH, SIZE),
        load(rows, at + 2 * WIDTH, SIZE),
        load(rows, at + 3 * WIDTH, SIZE),
    )
