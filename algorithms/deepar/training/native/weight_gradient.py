"""The gradient of a layer's weights: products of the gradients of gates and the layer's inputs, summed over steps."""

from forecastle.algorithms.deepar.training.native.plan import (
    BLOCK_STEPS,
    SIZE,
    TILE_ROWS,
    WIDTH,
    Plan,
    Workspace,
    gradient_columns,
    inputs_at,
    layer_rows,
    weight_gradient_at,
)
from forecastle.kernels.compiled import inlined
from forecastle.kernels.lanes import fma, load, store, turn
from forecastle.kernels.pointer import memory


@inlined
def transpose_inputs(plan: Plan, layer: int, begin: int, end: int, work: Workspace) -> None:
    """Transpose the inputs of some steps, so that a vector contains inputs of one window."""
    inputs, transposed = memory(work.inputs), memory(work.transposed)
    rows = layer_rows(plan, layer)
    for step in range(begin, end):
        first = inputs_at(plan, layer) + step * rows
        for row in range(0, rows, 8):
            panel = ((row // 16) * BLOCK_STEPS + step - begin) * WIDTH * 16 + row % 16
            turn(inputs, (first + row) * WIDTH, WIDTH, transposed, panel, 16)
            turn(inputs, (first + row) * WIDTH + 8, WIDTH, transposed, panel + 8 * 16, 16)


@inlined
def sum_weight_gradients(plan: Plan, layer: int, steps: int, work: Workspace) -> None:
    """Add the products of gates' gradients and inputs to the gradient of the weights, 6 rows and 16 columns at a time.

    The last tile may have more rows than the weights; those are never read.
    """
    rows, stride = 4 * plan.cells, gradient_columns(plan, layer)
    begin = layer * BLOCK_STEPS * rows * WIDTH
    gradients, inputs, sums = memory(work.step_gradients), memory(work.transposed), memory(work.weight_gradient)
    for column in range(0, stride, 16):
        panel = column * BLOCK_STEPS * WIDTH
        for row in range(0, rows, TILE_ROWS):
            at = weight_gradient_at(plan, layer) + row * stride + column
            a, b, c = load(sums, at, SIZE), load(sums, at + stride, SIZE), load(sums, at + 2 * stride, SIZE)
            at += 3 * stride
            d, e, f = load(sums, at, SIZE), load(sums, at + stride, SIZE), load(sums, at + 2 * stride, SIZE)
            for step in range(steps):
                slope, turned = begin + (row + step * rows) * WIDTH, panel + step * WIDTH * 16
                for lane in range(WIDTH):
                    values = load(inputs, turned + lane * 16, SIZE)
                    a = fma(values, gradients[slope + lane], a)
                    b = fma(values, gradients[slope + WIDTH + lane], b)
                    c = fma(values, gradients[slope + 2 * WIDTH + lane], c)
                    d = fma(values, gradients[slope + 3 * WIDTH + lane], d)
                    e = fma(values, gradients[slope + 4 * WIDTH + lane], e)
                    f = fma(values, gradients[slope + 5 * WIDTH + lane], f)
            store(sums, at, d)
            store(sums, at + stride, e)
            store(sums, at + 2 * stride, f)
            at -= 3 * stride
            store(sums, at, a)
            store(sums, at + stride, b)
            store(sums, at + 2 * stride, c)
