"""A vector of parameters, packed in the order in which learning kernels read it; and gradients put into its order."""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.training.native.plan import (
    TALL,
    WIDTH,
    Packs,
    Plan,
    Workspace,
    backward_at,
    columns,
    forward_at,
    height,
    layer_at,
    padded_cells,
    weights_at,
)
from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.elementary import LOG2_E


@part
def fold(gate: int) -> np.float32:
    """What a gate is multiplied by before 2 is raised to it (see `layout`)."""
    return np.float32(-2 * LOG2_E if gate == 2 else -LOG2_E)


@kernel
def pack(plan: Plan, weights: Floats, packs: Packs) -> None:
    """Pack the parameters, to `packs`."""
    cells = plan.cells
    for layer in range(plan.layers):
        first, width = layer_at(plan, layer), plan.inputs if layer == 0 else cells
        inputs = weights[first : first + 4 * cells * width].reshape(4 * cells, width)
        first += 4 * cells * width
        hidden = weights[first : first + 4 * cells * cells].reshape(4 * cells, cells)
        moving, rows = height(plan, layer) - cells, height(plan, layer)
        forward = packs.forward[forward_at(plan, layer) : forward_at(plan, layer + 1)].reshape(cells, rows, 4)
        for gate in range(4):
            for unit in range(cells):
                for k in range(moving):
                    forward[unit, k, gate] = inputs[gate * cells + unit, k] * fold(gate)
                for k in range(cells):
                    forward[unit, moving + k, gate] = hidden[gate * cells + unit, k] * fold(gate)
        at = backward_at(plan, layer)
        _pack_backward(hidden, packs.backward[at:])
        if layer > 0:
            _pack_backward(inputs, packs.backward[at + padded_cells(plan) * 4 * cells :])
    _pack_projection(plan, weights, packs.projection.reshape(cells + 1, 4))


@part
def _pack_backward(weights: Floats, out: Floats) -> None:
    """(4·H, H) to tiles of four columns; what a tile has too many is zero."""
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
    first = layer_at(plan, plan.layers) + embedding_numbers(plan)
    bias = first + plan.parameters * plan.cells
    for row in range(plan.parameters):
        for unit in range(plan.cells):
            out[unit, row] = weights[first + row * plan.cells + unit]
        out[plan.cells, row] = weights[bias + row]


@kernel
def embedding_numbers(plan: Plan) -> int:
    """How many numbers the embeddings have, all together."""
    count = 0
    for categories, dimension in plan.embeddings:
        count += categories * dimension
    return count


@part
def unpack(plan: Plan, work: Workspace, gradient: Floats) -> None:
    """Add what was summed up over a piece's steps, of weights of inputs that move and of the projection."""
    cells = plan.cells
    for layer in range(plan.layers):
        first, width = layer_at(plan, layer), plan.inputs if layer == 0 else cells
        moving, stride = height(plan, layer) - cells, columns(plan, layer)
        summed = work.weights[weights_at(plan, layer) : weights_at(plan, layer + 1)].reshape(4 * cells + TALL, stride)
        hidden = first + 4 * cells * width
        for gate in range(4):
            for unit in range(cells):
                row = gate * cells + unit
                for k in range(moving):
                    gradient[first + row * width + k] += summed[4 * unit + gate, k]
                for k in range(cells):
                    gradient[hidden + row * cells + k] += summed[4 * unit + gate, moving + k]
    _unpack_projection(plan, work.projection, gradient)


@part
def _unpack_projection(plan: Plan, summed: Floats, gradient: Floats) -> None:
    first = layer_at(plan, plan.layers) + embedding_numbers(plan)
    for row in range(plan.parameters):
        for unit in range(plan.cells + 1):
            total = np.float32(0)
            for lane in range(WIDTH):
                total += summed[(4 * unit + row) * WIDTH + lane]
            bias = first + plan.parameters * plan.cells + row
            gradient[first + row * plan.cells + unit if unit < plan.cells else bias] += total
