"""An LSTM layer through the steps, backward, for the windows of a micro-batch: the gradients of what `forward` did."""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.lstm import gate_gradients, products
from forecastle.algorithms.deepar.training.native.missing import add_value_gradients
from forecastle.algorithms.deepar.training.native.plan import (
    BLOCK_STEPS,
    SIZE,
    WIDTH,
    PackedWeights,
    Plan,
    Workspace,
    backward_at,
    four_rows,
    mask_rows,
    padded_cells,
)
from forecastle.algorithms.deepar.training.native.weight_gradient import sum_weight_gradients, transpose_inputs
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.lanes import (
    bits_of,
    choose,
    exceeds,
    fetch,
    load,
    spread,
    store,
)
from forecastle.kernels.pointer import memory


@part
def backward(plan: Plan, layer: int, packed: PackedWeights, first: int, stop: int, work: Workspace) -> None:
    """Add the gradients of a layer's weights at the steps from `first` to `stop`, from those of its outputs.

    The gradients of its inputs, which are the outputs of the layer below, replace those of its outputs, in
    `work.outputs` (T, H⁺). The later steps must have been done, so that their gradients of the states are in
    `work.state_gradients` (2·H⁺). Adds to the layer's `work.weight_gradient` (4·H + TILE_ROWS, columns) and
    `work.gradient_sums` (4·H).
    """
    padded = int(work.padded[WIDTH]) if plan.reset_while_padded else 0
    for step in range(stop - 1, first - 1, -1):
        # Blocks are counted from the last step, whatever the steps that are done at once.
        end = plan.steps - (plan.steps - 1 - step) // BLOCK_STEPS * BLOCK_STEPS
        begin = max(0, end - BLOCK_STEPS)
        slot = layer * BLOCK_STEPS + step - begin
        _backward_step(plan, layer, step, slot, work)
        _propagate(plan, layer, step, slot, packed, work)
        if step < padded:
            _reset_gradients(plan, layer, step, work)
        if layer == 0 and plan.missing_is_mean:
            add_value_gradients(plan, step, slot, packed, work)
        if step == begin:
            transpose_inputs(plan, layer, begin, end, work)
            sum_weight_gradients(plan, layer, end - begin, work)


@inlined
def _reset_gradients(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Propagate nothing to the states before a step that sets them to 0: the layer's `work.state_gradients` (2·H⁺)."""
    resets, carried = exceeds(load(memory(work.padded), 0, SIZE), float(step)), memory(work.state_gradients)
    rows = 2 * padded_cells(plan)
    for row in range(layer * rows, (layer + 1) * rows):
        store(carried, row * WIDTH, choose(resets, 0.0, load(carried, row * WIDTH, SIZE)))


@inlined
def _backward_step(plan: Plan, layer: int, step: int, slot: int, work: Workspace) -> None:
    """The gradients of a step's gates, and those parts of h's and c's that pass on to the step before.

    From row `step` of `work.outputs` (T, H⁺) and the layer's `work.state_gradients` (2·H⁺), which are replaced, to the
    4·H rows of `work.step_gradients` at `slot`; these are also added to the layer's `work.gradient_sums` (4·H).
    """
    cells, padded = plan.cells, padded_cells(plan)
    gates, states, tanh_states, masks = (
        memory(work.gates),
        memory(work.states),
        memory(work.tanh_states),
        memory(work.masks),
    )
    outputs, carried = memory(work.outputs), memory(work.state_gradients)
    sums, gradients = memory(work.gradient_sums), memory(work.step_gradients)
    word = (layer * plan.steps + step) * mask_rows(plan)
    of_hiddens = 2 * layer * padded * WIDTH
    of_states, sum_of_gates = of_hiddens + padded * WIDTH, 4 * layer * cells * WIDTH
    for unit in range(cells):
        of_hidden, of_state = (
            load(carried, of_hiddens + unit * WIDTH, SIZE),
            load(carried, of_states + unit * WIDTH, SIZE),
        )
        left_hidden = left_state = spread(np.float32(0), SIZE)
        if plan.zoneout >= 0:
            bits = bits_of(load(masks, (word + unit // 16) * WIDTH, SIZE))
            hidden_mask, state_mask = bits & (1 << unit % 16), bits & (1 << (16 + unit % 16))
            left_hidden, of_hidden = choose(hidden_mask, 0.0, of_hidden), choose(hidden_mask, of_hidden, 0.0)
            left_state, of_state = choose(state_mask, 0.0, of_state), choose(state_mask, of_state, 0.0)
        row = (layer * plan.steps + step) * cells + unit
        of_gates, of_old = gate_gradients(
            four_rows(gates, 4 * row * WIDTH),
            load(tanh_states, row * WIDTH, SIZE),
            load(states, (row + layer * cells) * WIDTH, SIZE),
            of_hidden + load(outputs, (step * padded + unit) * WIDTH, SIZE),
            of_state,
        )
        at = 4 * (slot * cells + unit) * WIDTH
        total = sum_of_gates + 4 * unit * WIDTH
        _store_and_sum(gradients, at, sums, total, of_gates[0])
        _store_and_sum(gradients, at + WIDTH, sums, total + WIDTH, of_gates[1])
        _store_and_sum(gradients, at + 2 * WIDTH, sums, total + 2 * WIDTH, of_gates[2])
        _store_and_sum(gradients, at + 3 * WIDTH, sums, total + 3 * WIDTH, of_gates[3])
        store(carried, of_hiddens + unit * WIDTH, left_hidden)
        store(carried, of_states + unit * WIDTH, left_state + of_old)


@inlined
def _store_and_sum(gradients: Floats, at: int, sums: Floats, total: int, gradient: Lanes) -> None:
    """Store a vector of WIDTH at element `at` of flat `gradients`, and add it to flat `sums` at element `total`."""
    store(gradients, at, gradient)
    store(sums, total, load(sums, total, SIZE) + gradient)


@inlined
def _propagate(plan: Plan, layer: int, step: int, slot: int, packed: PackedWeights, work: Workspace) -> None:
    """Propagate the gates' gradients to the states h before the step, and to the inputs of all layers but the first.

    From the 4·H rows of `work.step_gradients` at `slot` and `packed.backward` (rows / 4, 4·H, 4), added to the layer's
    `work.state_gradients` (H⁺ of 2·H⁺) and to row `step` of `work.outputs` (T, H⁺), which already contains what the
    residual connection passes on, the gradient of the layer's output.
    """
    rows, padded = 4 * plan.cells, padded_cells(plan)
    gradients, weights, slope = memory(work.step_gradients), memory(packed.backward), slot * rows * WIDTH
    weight = backward_at(plan, layer)
    for four in range(0, padded, 4):
        at = (2 * layer * padded + four) * WIDTH
        _add_products(memory(work.state_gradients), at, weights, weight + four * rows, gradients, slope, rows)
        if step > 0:
            _prefetch_before(plan, layer, step, four, work)
    if layer > 0:
        weight += padded * rows
        for four in range(0, padded, 4):
            at = (step * padded + four) * WIDTH
            _add_products(memory(work.outputs), at, weights, weight + four * rows, gradients, slope, rows)


@inlined
def _prefetch_before(plan: Plan, layer: int, step: int, four: int, work: Workspace) -> None:
    """Prefetch the rows that four units, from `four` on, will read at the step before."""
    gates, states, tanh_states, outputs = (
        memory(work.gates),
        memory(work.states),
        memory(work.tanh_states),
        memory(work.outputs),
    )
    row = (layer * plan.steps + step - 1) * plan.cells + four
    for unit in range(4):
        for gate in range(4):
            fetch(gates, (4 * (row + unit) + gate) * WIDTH, 0)
        fetch(tanh_states, (row + unit) * WIDTH, 0)
        fetch(states, (row + unit + layer * plan.cells) * WIDTH, 0)
        fetch(outputs, ((step - 1) * padded_cells(plan) + four + unit) * WIDTH, 1)


@inlined
def _add_products(out: Floats, at: int, weights: Floats, weight: int, rows: Floats, row: int, count: int) -> None:
    """Add a tile of weights, (count, 4), times `count` rows of lanes to four rows of `out`.

    `out`, `weights` and `rows` are pointers to flat memory; `at`, `weight` and `row` the elements at which each begins.
    """
    first, second, third, fourth = products(four_rows(out, at), weights, weight, rows, row, WIDTH, count, SIZE)
    store(out, at, first)
    store(out, at + WIDTH, second)
    store(out, at + 2 * WIDTH, third)
    store(out, at + 3 * WIDTH, fourth)
