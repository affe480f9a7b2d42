"""An LSTM layer through all steps, forward and backward, for the windows of a piece.

Zoneout (Krueger et al., "Zoneout: Regularizing RNNs by randomly preserving hidden activations", 2017) keeps a random
share of the states h and c as they were; what a layer puts out is the h before that. The numbers that decide hang on a
seed, the step, the layer, the unit and the window's place in its batch, and on nothing else.
"""

import numpy as np

from forecastle.algorithms.deepar.activation import activations, gate_gradients, tanh
from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.cell import Sums, products
from forecastle.algorithms.deepar.training.native.plan import (
    SIZE,
    STEPS,
    TALL,
    WIDTH,
    Packs,
    Plan,
    Workspace,
    backward_at,
    changes_rows,
    columns,
    forward_at,
    height,
    inputs_at,
    padded_cells,
    weights_at,
)
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
    turn,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.philox import random_lanes
from forecastle.kernels.pointer import memory


@part
def forward(plan: Plan, layer: int, packs: Packs, key: np.uint64, window: int, work: Workspace) -> None:
    """From the layer's inputs at each step to its states and what it puts out; `window` is the first lane's."""
    for step in range(plan.steps):
        if plan.zoneout >= 0:
            _draw(plan, layer, step, key, window, work)
        _sum_up(plan, layer, step, packs, work)
        _open_gates(plan, layer, step, work)
        _put_out(plan, layer, step, work)


@inlined
def _draw(plan: Plan, layer: int, step: int, key: np.uint64, window: int, work: Workspace) -> None:
    """Where the step's states change, a bit for each h and one for each c of 16 units."""
    changes, rows = memory(work.changes), changes_rows(plan)
    for row in range(rows):
        bits = spread(np.uint32(0), SIZE)
        for four in range(4):
            words = random_lanes(window, step, 4 * (layer * rows + row) + four, key, SIZE)
            place = 4 * four
            bits = bits ^ _bit(words[0], place, plan.zoneout) ^ _bit(words[1], place + 1, plan.zoneout)
            bits = bits ^ _bit(words[2], place + 2, plan.zoneout) ^ _bit(words[3], place + 3, plan.zoneout)
        store(changes, ((layer * plan.steps + step) * rows + row) * WIDTH, floats_of(bits))


@inlined
def _bit(word: Bits, place: int, zoneout: float) -> Bits:
    """Where h changes, by a word's last 16 bits, at a place below 16; where c does, by its first ones, 16 higher."""
    hidden, state = exceeds(to_floats(word & 0xFFFF), zoneout), exceeds(to_floats(word >> 16), zoneout)
    return (hidden & (1 << place)) ^ (state & (1 << (place + 16)))


@inlined
def _sum_up(plan: Plan, layer: int, step: int, packs: Packs, work: Workspace) -> None:
    """The step's gates, before their activation."""
    cells, rows = plan.cells, height(plan, layer)
    inputs, gates, starts = memory(work.inputs), memory(work.gates), memory(work.starts)
    states, squashed = memory(work.states), memory(work.squashed)
    weights, weight = memory(packs.forward), forward_at(plan, layer)
    now = (inputs_at(plan, layer) + step * rows) * WIDTH
    for unit in range(cells):
        row = (layer * plan.steps + step) * cells + unit
        first, second, third, fourth = products(
            _four(starts, 4 * unit * WIDTH), weights, weight + 4 * unit * rows, inputs, now, WIDTH, rows, SIZE
        )
        store(gates, 4 * row * WIDTH, first)
        store(gates, (4 * row + 1) * WIDTH, second)
        store(gates, (4 * row + 2) * WIDTH, third)
        store(gates, (4 * row + 3) * WIDTH, fourth)
        for ahead in range(4 * cells, 4 * cells + 4):
            fetch(gates, (4 * row + ahead) * WIDTH, 1)
        fetch(squashed, row * WIDTH, 1)
        fetch(states, (row + (layer + 1) * cells) * WIDTH, 1)
        fetch(inputs, now + (2 * rows - cells + unit) * WIDTH, 1)


@inlined
def _open_gates(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Activate the step's gates, in their place, and put the new c, before zoneout, behind the old."""
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
def _put_out(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """What the layer puts out, to the layer above; and its states behind the step."""
    cells, rows, last = plan.cells, height(plan, layer), layer + 1 == plan.layers
    inputs, states, gates = memory(work.inputs), memory(work.states), memory(work.gates)
    squashed, changes = memory(work.squashed), memory(work.changes)
    now = (inputs_at(plan, layer) + step * rows) * WIDTH
    hidden = now + (rows - cells) * WIDTH
    out = memory(work.above) if last else inputs
    put = step * padded_cells(plan) * WIDTH if last else (inputs_at(plan, layer + 1) + step * 2 * cells) * WIDTH
    word = (layer * plan.steps + step) * changes_rows(plan)
    for unit in range(cells):
        row = (layer * plan.steps + step) * cells + unit
        old = (row + layer * cells) * WIDTH
        state = load(states, old + cells * WIDTH, SIZE)
        flat = tanh(state)
        output = load(gates, (4 * row + 3) * WIDTH, SIZE) * flat
        store(squashed, row * WIDTH, flat)
        through = output
        if layer > 0:
            through = output + load(inputs, now + unit * WIDTH, SIZE)
        store(out, put + unit * WIDTH, through)
        if plan.zoneout >= 0:
            bits = bits_of(load(changes, (word + unit // 16) * WIDTH, SIZE))
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
def backward(plan: Plan, layer: int, packs: Packs, work: Workspace) -> None:
    """From the gradients of what the layer puts out, in `above`, to those of its weights, and of its inputs there."""
    work.carried[:] = 0.0
    work.sums[:] = 0.0
    for end in range(plan.steps, 0, -STEPS):
        begin = max(0, end - STEPS)
        for step in range(end - 1, begin - 1, -1):
            _step_back(plan, layer, step, step - begin, work)
            _spread_back(plan, layer, step, step - begin, packs, work)
        _turn_inputs(plan, layer, begin, end, work)
        _sum_weights(plan, layer, end - begin, work)


@inlined
def _step_back(plan: Plan, layer: int, step: int, slot: int, work: Workspace) -> None:
    """The gradients of a step's gates; and what of those of h and c goes on to the step before."""
    cells, padded = plan.cells, padded_cells(plan)
    gates, states, squashed, changes = (
        memory(work.gates),
        memory(work.states),
        memory(work.squashed),
        memory(work.changes),
    )
    above, carried, sums, slopes = memory(work.above), memory(work.carried), memory(work.sums), memory(work.slopes)
    word = (layer * plan.steps + step) * changes_rows(plan)
    for unit in range(cells):
        of_hidden, of_state = load(carried, unit * WIDTH, SIZE), load(carried, (padded + unit) * WIDTH, SIZE)
        left_hidden = left_state = spread(np.float32(0), SIZE)
        if plan.zoneout >= 0:
            bits = bits_of(load(changes, (word + unit // 16) * WIDTH, SIZE))
            hidden_changes, state_changes = bits & (1 << unit % 16), bits & (1 << (16 + unit % 16))
            left_hidden, of_hidden = choose(hidden_changes, 0.0, of_hidden), choose(hidden_changes, of_hidden, 0.0)
            left_state, of_state = choose(state_changes, 0.0, of_state), choose(state_changes, of_state, 0.0)
        row = (layer * plan.steps + step) * cells + unit
        of_gates, of_old = gate_gradients(
            _four(gates, 4 * row * WIDTH),
            load(squashed, row * WIDTH, SIZE),
            load(states, (row + layer * cells) * WIDTH, SIZE),
            of_hidden + load(above, (step * padded + unit) * WIDTH, SIZE),
            of_state,
        )
        at = 4 * (slot * cells + unit) * WIDTH
        _note(slopes, at, sums, 4 * unit * WIDTH, of_gates[0])
        _note(slopes, at + WIDTH, sums, (4 * unit + 1) * WIDTH, of_gates[1])
        _note(slopes, at + 2 * WIDTH, sums, (4 * unit + 2) * WIDTH, of_gates[2])
        _note(slopes, at + 3 * WIDTH, sums, (4 * unit + 3) * WIDTH, of_gates[3])
        store(carried, unit * WIDTH, left_hidden)
        store(carried, (padded + unit) * WIDTH, left_state + of_old)


@inlined
def _note(slopes: Floats, at: int, sums: Floats, total: int, gradient: Lanes) -> None:
    store(slopes, at, gradient)
    store(sums, total, load(sums, total, SIZE) + gradient)


@inlined
def _spread_back(plan: Plan, layer: int, step: int, slot: int, packs: Packs, work: Workspace) -> None:
    """Add what the gates' gradients are to the states h before the step, and to the inputs of all layers but the first.

    The residual connection puts through the gradient of what the layer puts out: it is what stands there already.
    """
    rows, padded = 4 * plan.cells, padded_cells(plan)
    slopes, weights, slope = memory(work.slopes), memory(packs.backward), slot * rows * WIDTH
    weight = backward_at(plan, layer)
    for four in range(0, padded, 4):
        _add_products(memory(work.carried), four * WIDTH, weights, weight + four * rows, slopes, slope, rows)
        if step > 0:
            _fetch_before(plan, layer, step, four, work)
    if layer > 0:
        weight += padded * rows
        for four in range(0, padded, 4):
            at = (step * padded + four) * WIDTH
            _add_products(memory(work.above), at, weights, weight + four * rows, slopes, slope, rows)


@inlined
def _fetch_before(plan: Plan, layer: int, step: int, four: int, work: Workspace) -> None:
    """Have at hand what four units of the step before will be asked for."""
    gates, states, squashed, above = (
        memory(work.gates),
        memory(work.states),
        memory(work.squashed),
        memory(work.above),
    )
    row = (layer * plan.steps + step - 1) * plan.cells + four
    for unit in range(4):
        for gate in range(4):
            fetch(gates, (4 * (row + unit) + gate) * WIDTH, 0)
        fetch(squashed, (row + unit) * WIDTH, 0)
        fetch(states, (row + unit + layer * plan.cells) * WIDTH, 0)
        fetch(above, ((step - 1) * padded_cells(plan) + four + unit) * WIDTH, 1)


@inlined
def _add_products(out: Floats, at: int, weights: Floats, weight: int, rows: Floats, row: int, count: int) -> None:
    first, second, third, fourth = products(_four(out, at), weights, weight, rows, row, WIDTH, count, SIZE)
    store(out, at, first)
    store(out, at + WIDTH, second)
    store(out, at + 2 * WIDTH, third)
    store(out, at + 3 * WIDTH, fourth)


@inlined
def _turn_inputs(plan: Plan, layer: int, begin: int, end: int, work: Workspace) -> None:
    """Steps' inputs, so that a vector runs along the inputs of one window."""
    inputs, panels = memory(work.inputs), memory(work.panels)
    rows = height(plan, layer)
    for step in range(begin, end):
        first = inputs_at(plan, layer) + step * rows
        for row in range(0, rows, 8):
            panel = ((row // 16) * STEPS + step - begin) * WIDTH * 16 + row % 16
            turn(inputs, (first + row) * WIDTH, WIDTH, panels, panel, 16)
            turn(inputs, (first + row) * WIDTH + 8, WIDTH, panels, panel + 8 * 16, 16)


@inlined
def _sum_weights(plan: Plan, layer: int, steps: int, work: Workspace) -> None:
    """Add steps' gates' gradients times inputs to the gradient of the weights, 6 rows and 16 columns at a time.

    The last rows may reach into what lies behind; nobody reads what they come to.
    """
    rows, stride = 4 * plan.cells, columns(plan, layer)
    slopes, panels, weights = memory(work.slopes), memory(work.panels), memory(work.weights)
    for column in range(0, stride, 16):
        panel = column * STEPS * WIDTH
        for row in range(0, rows, TALL):
            at = weights_at(plan, layer) + row * stride + column
            a, b, c = load(weights, at, SIZE), load(weights, at + stride, SIZE), load(weights, at + 2 * stride, SIZE)
            at += 3 * stride
            d, e, f = load(weights, at, SIZE), load(weights, at + stride, SIZE), load(weights, at + 2 * stride, SIZE)
            for step in range(steps):
                slope, turned = (row + step * rows) * WIDTH, panel + step * WIDTH * 16
                for lane in range(WIDTH):
                    values = load(panels, turned + lane * 16, SIZE)
                    a = fma(values, slopes[slope + lane], a)
                    b = fma(values, slopes[slope + WIDTH + lane], b)
                    c = fma(values, slopes[slope + 2 * WIDTH + lane], c)
                    d = fma(values, slopes[slope + 3 * WIDTH + lane], d)
                    e = fma(values, slopes[slope + 4 * WIDTH + lane], e)
                    f = fma(values, slopes[slope + 5 * WIDTH + lane], f)
            store(weights, at, d)
            store(weights, at + stride, e)
            store(weights, at + 2 * stride, f)
            at -= 3 * stride
            store(weights, at, a)
            store(weights, at + stride, b)
            store(weights, at + 2 * stride, c)
