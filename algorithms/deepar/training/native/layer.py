"""An LSTM layer through all steps, forward and backward, for the windows of a micro-batch.

Zoneout (Krueger et al., "Zoneout: Regularizing RNNs by randomly preserving hidden activations", 2017) keeps a random
share of the states h and c as they were; a layer's output is the h before that. The random numbers depend on the seed,
the step, the layer, the unit and the window's place in its batch, and on nothing else.
"""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.lstm import Sums, activations, gate_gradients, products, tanh
from forecastle.algorithms.deepar.training.native.missing import add_value_gradients
from forecastle.algorithms.deepar.training.native.plan import (
    BLOCK_STEPS,
    SIZE,
    WIDTH,
    PackedWeights,
    Plan,
    Workspace,
    backward_at,
    forward_at,
    inputs_at,
    layer_rows,
    mask_rows,
    padded_cells,
)
from forecastle.algorithms.deepar.training.native.weight_gradient import sum_weight_gradients, transpose_inputs
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.lanes import (
    Bits,
    bits_of,
    choose,
    exceeds,
    fetch,
    floats_of,
    fma,
    load,
    spread,
    store,
    to_floats,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.philox import random_lanes
from forecastle.kernels.pointer import memory


@part
def forward(
    plan: Plan,
    layer: int,
    packed: PackedWeights,
    key: np.uint64,
    window: int,
    first: int,
    stop: int,
    work: Workspace,
) -> None:
    """Compute the layer's states and outputs at the steps from `first` to `stop` from its inputs, `work.inputs`.

    `key` seeds zoneout's masks; `window` is the place of the first lane's window in its batch.
    """
    padded = int(work.padded[WIDTH]) if plan.reset_while_padded else 0
    for step in range(first, stop):
        if step < padded:
            _reset_states(plan, layer, step, work)
        if plan.zoneout >= 0:
            _draw_masks(plan, layer, step, key, window, work)
        _sum_inputs(plan, layer, step, packed, work)
        _activate(plan, layer, step, work)
        _write_outputs(plan, layer, step, work)


@inlined
def _reset_states(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Set the states h and c before a step to 0 in the windows whose series has not started at it."""
    cells, rows = plan.cells, layer_rows(plan, layer)
    inputs, states = memory(work.inputs), memory(work.states)
    resets = exceeds(load(memory(work.padded), 0, SIZE), float(step))
    hidden = (inputs_at(plan, layer) + step * rows + rows - cells) * WIDTH
    state = ((layer * plan.steps + step) * cells + layer * cells) * WIDTH
    for unit in range(cells):
        at = unit * WIDTH
        store(inputs, hidden + at, choose(resets, 0.0, load(inputs, hidden + at, SIZE)))
        store(states, state + at, choose(resets, 0.0, load(states, state + at, SIZE)))


@inlined
def _draw_masks(plan: Plan, layer: int, step: int, key: np.uint64, window: int, work: Workspace) -> None:
    """The step's masks, a bit for each h and one for each c of 16 units, 1 where the state changes."""
    masks, rows = memory(work.masks), mask_rows(plan)
    for row in range(rows):
        bits = spread(np.uint32(0), SIZE)
        for four in range(4):
            words = random_lanes(window, step, 4 * (layer * rows + row) + four, key, SIZE)
            place = 4 * four
            bits = bits ^ _mask_bits(words[0], place, plan.zoneout) ^ _mask_bits(words[1], place + 1, plan.zoneout)
            bits = bits ^ _mask_bits(words[2], place + 2, plan.zoneout) ^ _mask_bits(words[3], place + 3, plan.zoneout)
        store(masks, ((layer * plan.steps + step) * rows + row) * WIDTH, floats_of(bits))


@inlined
def _mask_bits(word: Bits, place: int, zoneout: float) -> Bits:
    """The mask of h, from a word's last 16 bits, at a place below 16; that of c, from its first ones, 16 higher."""
    hidden, state = exceeds(to_floats(word & 0xFFFF), zoneout), exceeds(to_floats(word >> 16), zoneout)
    return (hidden & (1 << place)) ^ (state & (1 << (place + 16)))


@inlined
def _sum_inputs(plan: Plan, layer: int, step: int, packed: PackedWeights, work: Workspace) -> None:
    """The step's gates, before their activation: `work.gates`."""
    cells, rows = plan.cells, layer_rows(plan, layer)
    inputs, gates, initial_sums = memory(work.inputs), memory(work.gates), memory(work.initial_sums)
    states, tanh_states = memory(work.states), memory(work.tanh_states)
    weights, weight = memory(packed.forward), forward_at(plan, layer)
    now = (inputs_at(plan, layer) + step * rows) * WIDTH
    for unit in range(cells):
        row = (layer * plan.steps + step) * cells + unit
        first, second, third, fourth = products(
            _four(initial_sums, 4 * (layer * cells + unit) * WIDTH),
            weights,
            weight + 4 * unit * rows,
            inputs,
            now,
            WIDTH,
            rows,
            SIZE,
        )
        store(gates, 4 * row * WIDTH, first)
        store(gates, (4 * row + 1) * WIDTH, second)
        store(gates, (4 * row + 2) * WIDTH, third)
        store(gates, (4 * row + 3) * WIDTH, fourth)
        for ahead in range(4 * cells, 4 * cells + 4):
            fetch(gates, (4 * row + ahead) * WIDTH, 1)
        fetch(tanh_states, row * WIDTH, 1)
        fetch(states, (row + (layer + 1) * cells) * WIDTH, 1)
        fetch(inputs, now + (2 * rows - cells + unit) * WIDTH, 1)


@inlined
def _activate(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Activate the step's gates in place, and write the new c, before zoneout, after the old."""
    gates, states = memory(work.gates), memory(work.states)
    for unit in range(plan.cells):
        row = (layer * plan.steps + step) * plan.cells + unit
        state = (row + layer * plan.cells) * WIDTH
        sums = _four(gates, 4 * row * WIDTH)
        enter, keep, made, leave = activations(sums[0], sums[1], sums[2], sums[3])
        store(gates, 4 * row * WIDTH, enter)
        store(gates, (4 * row + 1) * WIDTH, keep)
        store(gates, (4 * row + 2) * WIDTH, made)
        store(gates, (4 * row + 3) * WIDTH, leave)
        store(states, state + plan.cells * WIDTH, fma(keep, load(states, state, SIZE), enter * made))


@inlined
def _write_outputs(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Write the layer's outputs, as inputs of the layer above or to `work.outputs`, and its states after the step."""
    cells, rows, last = plan.cells, layer_rows(plan, layer), layer + 1 == plan.layers
    inputs, states, gates = memory(work.inputs), memory(work.states), memory(work.gates)
    tanh_states, masks = memory(work.tanh_states), memory(work.masks)
    now = (inputs_at(plan, layer) + step * rows) * WIDTH
    hidden = now + (rows - cells) * WIDTH
    out = memory(work.outputs) if last else inputs
    place_out = step * padded_cells(plan) * WIDTH if last else (inputs_at(plan, layer + 1) + step * 2 * cells) * WIDTH
    word = (layer * plan.steps + step) * mask_rows(plan)
    for unit in range(cells):
        row = (layer * plan.steps + step) * cells + unit
        old = (row + layer * cells) * WIDTH
        state = load(states, old + cells * WIDTH, SIZE)
        flat = tanh(state)
        output = load(gates, (4 * row + 3) * WIDTH, SIZE) * flat
        store(tanh_states, row * WIDTH, flat)
        through = output
        if layer > 0:
            through = output + load(inputs, now + unit * WIDTH, SIZE)
        store(out, place_out + unit * WIDTH, through)
        if plan.zoneout >= 0:
            bits = bits_of(load(masks, (word + unit // 16) * WIDTH, SIZE))
            output = choose(bits & (1 << unit % 16), output, load(inputs, hidden + unit * WIDTH, SIZE))
            state = choose(bits & (1 << (16 + unit % 16)), state, load(states, old, SIZE))
            store(states, old + cells * WIDTH, state)
        store(inputs, hidden + (rows + unit) * WIDTH, output)


@inlined
def _four(rows: Floats, at: int) -> Sums:
    return (
        load(rows, at, SIZE),
        load(rows, at + WIDTH, SIZE),
        load(rows, at + 2 * WIDTH, SIZE),
        load(rows, at + 3 * WIDTH, SIZE),
    )


@part
def backward(plan: Plan, layer: int, packed: PackedWeights, first: int, stop: int, work: Workspace) -> None:
    """Add the gradients of the layer's weights at the steps from `first` to `stop`, from those of its outputs.

    The gradients of its inputs, which are the outputs of the layer below, replace those of its outputs, in
    `work.outputs`. The later steps must have been done, so that their gradients of the states are there.
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
    """Nothing is propagated to the states before a step that sets them to 0."""
    resets, carried = exceeds(load(memory(work.padded), 0, SIZE), float(step)), memory(work.state_gradients)
    rows = 2 * padded_cells(plan)
    for row in range(layer * rows, (layer + 1) * rows):
        store(carried, row * WIDTH, choose(resets, 0.0, load(carried, row * WIDTH, SIZE)))


@inlined
def _backward_step(plan: Plan, layer: int, step: int, slot: int, work: Workspace) -> None:
    """The gradients of a step's gates, and those parts of h's and c's that pass on to the step before.

    `slot` is the step's place in `work.step_gradients`.
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
            _four(gates, 4 * row * WIDTH),
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
    store(gradients, at, gradient)
    store(sums, total, load(sums, total, SIZE) + gradient)


@inlined
def _propagate(plan: Plan, layer: int, step: int, slot: int, packed: PackedWeights, work: Workspace) -> None:
    """Propagate the gates' gradients to the states h before the step, and to the inputs of all layers but the first.

    The residual connection passes the gradient of the layer's output on: that is in `work.outputs` already.
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
    """Prefetch what four units of the step before will read."""
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
    first, second, third, fourth = products(_four(out, at), weights, weight, rows, row, WIDTH, count, SIZE)
    store(out, at, first)
    store(out, at + WIDTH, second)
    store(out, at + 2 * WIDTH, third)
    store(out, at + 3 * WIDTH, fourth)
