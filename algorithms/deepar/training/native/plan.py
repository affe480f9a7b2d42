"""What learning kernels share: a network's sizes, its weights as they are read, and the memory they work in.

Lanes are windows, `WIDTH` of them at once, which run through all steps forward and backward: a piece of a batch. Rows
of such lanes are the unit of all memory. Gate g of unit u is row 4·u + g here; in the network it is row g·H + u.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.lanes import LANES, SIZES, aligned

SIZE = SIZES[2]
WIDTH = len(SIZE) * LANES
STEPS = 8  # whose gradients of the weights are summed up at once: what they read then lies in the cache
TALL = 6  # rows of the gradient of weights that are summed up at once


class Plan(NamedTuple):
    """The sizes of a network. K inputs of which M move from step to step, H cells, L layers, T steps, P parameters."""

    cells: int
    layers: int
    context: int
    steps: int  # context and forecast
    likelihood: int  # its number
    parameters: int
    lags: NDArray[np.int64]  # (lags,), ascending
    moving: int
    inputs: int
    embeddings: NDArray[np.int64]  # (categorical features, 2): categories and dimension of each
    zoneout: float  # a random number of 16 bits above it lets a state change; below 0 all change
    scaled: bool


class Packs(NamedTuple):
    """The weights, packed anew for each batch; `at` of a layer is `forward_at`, `backward_at`."""

    forward: Floats  # flat: each layer's (H, inputs + H, 4), folded (see `layout`); of layer 0 the inputs that move
    backward: Floats  # flat: each layer's (rows / 4, 4·H, 4), the rows being its states, then, but for layer 0, inputs
    projection: Floats  # (H + 1, 4): a column for each parameter; the last row is the bias


class Workspace(NamedTuple):
    """What a piece is computed in, all of it rows of lanes, flat. H⁺ is H padded to four."""

    scales: Floats  # (2): the windows' scales, and their logarithms
    values: Floats  # (longest lag + T): the windows' values over their scales
    targets: Floats  # (T): the values that are forecast
    shares: Floats  # (T): how much each step's loss weighs in its window's; 0 where the value is missing
    still: Floats  # (2·(K − M)): the inputs that do not move, and their gradients
    inputs: Floats  # each layer's (T + 1, inputs + H): a step's inputs and the states h before it
    states: Floats  # (L, T + 1, H): the states c before each step
    gates: Floats  # (L, T, 4·H): the gates, activated
    squashed: Floats  # (L, T, H): tanh of each step's c
    changes: Floats  # (L, T, H / 16): where states change, bit by bit
    above: Floats  # (T, H⁺): what the layers put out; then its gradients
    starts: Floats  # (4·H): what each step's gates begin with
    slopes: Floats  # (STEPS, 4·H): the gradients of steps' gates
    sums: Floats  # (4·H): the same, summed up over all steps
    carried: Floats  # (2·H⁺): the gradients of h and c, from step to step backward
    told: Floats  # (8): a step's parameters; its loss and their gradients
    totals: Floats  # (1): the windows' losses
    projection: Floats  # (4·(H + 1)): the projection's gradients
    panels: Floats  # (columns / 16, STEPS, 16): steps' inputs with the lanes turned into rows
    weights: Floats  # each layer's (4·H + TALL, columns): the gradients of its weights; columns padded to 16


def workspace_of(plan: Plan) -> Workspace:
    """Room for a piece. What lies beyond the rows that are meant is read too, so it must be numbers: all is zeros."""
    cells, layers, steps, padded = plan.cells, plan.layers, plan.steps, padded_cells(plan)
    rows = {
        "scales": 2,
        "values": int(plan.lags[-1]) + steps,
        "targets": steps,
        "shares": steps,
        "still": 2 * (plan.inputs - plan.moving),
        "inputs": inputs_at(plan, layers),
        "states": layers * (steps + 1) * cells,
        "gates": layers * steps * 4 * cells,
        "squashed": layers * steps * cells,
        "changes": layers * steps * changes_rows(plan),
        "above": steps * padded,
        "starts": 4 * cells,
        "slopes": STEPS * 4 * cells,
        "sums": 4 * cells,
        "carried": 2 * padded,
        "told": 8,
        "totals": 1,
        "projection": 4 * (cells + 1),
        "panels": max(columns(plan, layer) for layer in range(layers)) * STEPS,
        "weights": weights_at(plan, layers) // WIDTH,
    }
    # In one piece: the system then gives it large pages, and looks fewer of them up.
    sizes = [(count + TALL) * WIDTH for count in rows.values()]
    everything = aligned(sum(sizes))
    everything[:] = 0.0
    return Workspace(**dict(zip(rows, np.split(everything, np.cumsum(sizes)[:-1]))))


def packs_of(plan: Plan) -> Packs:
    return Packs(
        forward=aligned(forward_at(plan, plan.layers)),
        backward=aligned(backward_at(plan, plan.layers)),
        projection=np.zeros((plan.cells + 1) * 4, np.float32),
    )


@kernel
def padded_cells(plan: Plan) -> int:
    return (plan.cells + 3) // 4 * 4


@kernel
def changes_rows(plan: Plan) -> int:
    """The rows of a step's `changes`: a word for each 16 units of a window."""
    return (plan.cells + 15) // 16


@kernel
def height(plan: Plan, layer: int) -> int:
    """The rows of a layer's step: its inputs and its states h."""
    return plan.cells + (plan.moving if layer == 0 else plan.cells)


@kernel
def columns(plan: Plan, layer: int) -> int:
    """As many columns as the gradient of a layer's weights has, padded."""
    return (height(plan, layer) + 15) // 16 * 16


@kernel
def inputs_at(plan: Plan, layer: int) -> int:
    """The row of `inputs` at which a layer begins."""
    return (plan.steps + 1) * _before(plan, layer)


@kernel
def forward_at(plan: Plan, layer: int) -> int:
    """Where a layer's forward weights begin."""
    return 4 * plan.cells * _before(plan, layer)


@part
def _before(plan: Plan, layer: int) -> int:
    """The rows of the steps of all layers before one."""
    return 0 if layer == 0 else height(plan, 0) + (layer - 1) * 2 * plan.cells


@kernel
def backward_at(plan: Plan, layer: int) -> int:
    """Where a layer's backward weights begin."""
    return 0 if layer == 0 else (2 * layer - 1) * padded_cells(plan) * 4 * plan.cells


@kernel
def weights_at(plan: Plan, layer: int) -> int:
    """Where the gradient of a layer's weights begins."""
    before = 0 if layer == 0 else columns(plan, 0) + (layer - 1) * columns(plan, 1)
    return (4 * plan.cells + TALL) * before


@kernel
def layer_at(plan: Plan, layer: int) -> int:
    """Where a layer's parameters begin in the vector of all: weights of inputs and states, two biases; then the next's.

    Behind the last layer's lie the embeddings', then the projection's.
    """
    before = 0 if layer == 0 else plan.inputs + 2 + plan.cells + (layer - 1) * (2 * plan.cells + 2)
    return 4 * plan.cells * before
