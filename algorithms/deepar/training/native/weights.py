"""Packing: the weight vector in the order in which kernels read it, and gradients back into the vector's order."""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.lstm import GATE_FACTORS
from forecastle.algorithms.deepar.training.native.plan import (
    TILE_ROWS,
    WIDTH,
    PackedWeights,
    Plan,
    Workspace,
    backward_at,
    forward_at,
    gradient_columns,
    layer_at,
    layer_rows,
    padded_cells,
    weight_gradient_at,
)
from forecastle.kernels.compiled import kernel, part


@kernel
def pack(plan: Plan, packed: PackedWeights) -> None:
    """Pack the vector of all weights, `packed.vector` (size,), to the other arrays of `packed`."""
    cells, weights = plan.cells, packed.vector
    for layer in range(plan.layers):
        first, width = layer_at(plan, layer), plan.inputs if layer == 0 else cells
        inputs = weights[first : first + 4 * cells * width].reshape(4 * cells, width)
        first += 4 * cells * width
        hidden = weights[first : first + 4 * cells * cells].reshape(4 * cells, cells)
        varying, rows = layer_rows(plan, layer) - cells, layer_rows(plan, layer)
        forward = packed.forward[forward_at(plan, layer) : forward_at(plan, layer + 1)].reshape(cells, rows, 4)
        for gate in range(4):
            for unit in range(cells):
                for k in range(varying):
                    forward[unit, k, gate] = inputs[gate * cells + unit, k] * GATE_FACTORS[gate]
                for k in range(cells):
                    forward[unit, varying + k, gate] = hidden[gate * cells + unit, k] * GATE_FACTORS[gate]
        at = backward_at(plan, layer)
        _pack_backward(hidden, packed.backward[at:])
        if layer > 0:
            _pack_backward(inputs, packed.backward[at + padded_cells(plan) * 4 * cells :])
    _pack_projection(plan, weights, packed.projection.reshape(cells + 1, 4))
    if plan.missing_is_mean:
        for gate in range(4):
            for unit in range(cells):
                for number in range(len(plan.lags)):
                    weight = weights[(gate * cells + unit) * plan.inputs + number]
                    packed.lags[number * 4 * cells + 4 * unit + gate] = weight


@part
def _pack_backward(weights: Floats, out: Floats) -> None:
    """Pack (4·H, H), row g·H + u for gate g of unit u, to tiles of four columns: (⌈H / 4⌉, 4·H, 4), row 4·u + g.

    `out` is flat and may be longer; the last tile is padded with zeros.
    """
    rows, cells = weights.shape
    for tile in range((cells + 3) // 4):
        for unit in range(cells):
            for gate in range(4):
                at = 4 * (rows * tile + 4 * unit + gate)
                for side in range(4):
                    column = 4 * tile + side
                    out[at + side] = weights[gate * cells + unit, column] if column < cells else np.float32(0)


@part
def _pack_projection(plan: Plan, weights: Floats, out: Floats) -> None:
    """Pack the projection, (P, H) and then its bias (P,) in the weight vector (size,), to `out`, (H + 1, 4)."""
    first = layer_at(plan, plan.layers) + embedding_size(plan)
    bias = first + plan.parameters * plan.cells
    for row in range(plan.parameters):
        for unit in range(plan.cells):
            out[unit, row] = weights[first + row * plan.cells + unit]
        out[plan.cells, row] = weights[bias + row]


@kernel
def embedding_size(plan: Plan) -> int:
    """The numbers in all embeddings: the sum of categories × dimension over `plan.embeddings`."""
    count = 0
    for categories, dimension in plan.embeddings:
        count += categories * dimension
    return count


@part
def unpack(plan: Plan, work: Workspace, gradient: Floats) -> None:
    """Add a micro-batch's gradients for the weights of inputs that vary, of states and of the projection.

    From `work.weight_gradient`, each layer's (4·H + TILE_ROWS, columns) with row 4·u + g for gate g of unit u, and
    `work.projection_gradient`, to `gradient`, (size,) in the order of the weight vector.
    """
    cells = plan.cells
    for layer in range(plan.layers):
        first, width = layer_at(plan, layer), plan.inputs if layer == 0 else cells
        varying, stride = layer_rows(plan, layer) - cells, gradient_columns(plan, layer)
        sums = work.weight_gradient[weight_gradient_at(plan, layer) : weight_gradient_at(plan, layer + 1)]
        summed = sums.reshape(4 * cells + TILE_ROWS, stride)
        hidden = first + 4 * cells * width
        for gate in range(4):
            for unit in range(cells):
                row = gate * cells + unit
                for k in range(varying):
                    gradient[first + row * width + k] += summed[4 * unit + gate, k]
                for k in range(cells):
                    gradient[hidden + row * cells + k] += summed[4 * unit + gate, varying + k]
    _unpack_projection(plan, work.projection_gradient, gradient)


@part
def _unpack_projection(plan: Plan, summed: Floats, gradient: Floats) -> None:
    """Add `summed`, (4·(H + 1), WIDTH), summed over the lanes, to the projection in `gradient`, (size,)."""
    first = layer_at(plan, plan.layers) + embedding_size(plan)
    for row in range(plan.parameters):
        for unit in range(plan.cells + 1):
            total = np.float32(0)
            for lane in range(WIDTH):
                total += summed[(4 * unit + row) * WIDTH + lane]
            bias = first + plan.parameters * plan.cells + row
            gradient[first + row * plan.cells + unit if unit < plan.cells else bias] += total
