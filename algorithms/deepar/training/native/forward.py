"""An LSTM layer through the steps, forward, for the windows of a micro-batch.

Zoneout (Krueger et al., "Zoneout: Regularizing RNNs by randomly preserving hidden activations", 2017) keeps a random
share of the states h and c as they were; a layer's output is the h before that. The random numbers depend on the seed,
the step, the layer, the unit and the window's place in its batch, and on nothing else.
"""

import numpy as np

from forecastle.algorithms.deepar.lstm import activations, products, tanh
from forecastle.algorithms.deepar.training.native.plan import (
    SIZE,
    WIDTH,
    PackedWeights,
    Plan,
    Workspace,
    forward_at,
    four_rows,
    inputs_at,
    layer_rows,
    mask_rows,
    padded_cells,
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
)
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
    """Compute a layer's states and outputs at the steps from `first` to `stop`.

    From the inputs in the layer's part of `work.inputs`, (T + 1, inputs + H), to its states there and in `work.states`
    (T + 1, H), and to the next layer's inputs, or the last layer's `work.outputs` (T, H⁺). What `backward` reads is
    kept in `work.gates`, `.tanh_states` and `.masks`.

    Parameters
    ----------
    layer : its number, from 0.
    key : seeds zoneout's masks.
    window : the place of the first lane's window in its batch.
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
    """Set the states h and c before a step to 0 in the windows whose series has not started at it.

    H rows each, of `work.inputs` and of `work.states`.
    """
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
    """The step's masks, H / 16 rows of `work.masks`: a bit for each h and one for each c, 1 where the state changes."""
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
    """The mask of h, from the words' last 16 bits, at a place below 16; that of c, from their first ones, 16 higher.

    Vectors, a word for each of WIDTH windows.
    """
    hidden, state = exceeds(to_floats(word & 0xFFFF), zoneout), exceeds(to_floats(word >> 16), zoneout)
    return (hidden & (1 << place)) ^ (state & (1 << (place + 16)))


@inlined
def _sum_inputs(plan: Plan, layer: int, step: int, packed: PackedWeights, work: Workspace) -> None:
    """The step's gates before their activation, 4·H rows of `work.gates`.

    The layer's `work.initial_sums` (4·H), plus `packed.forward` (H, inputs + H, 4) times the step's inputs and old h.
    """
    cells, rows = plan.cells, layer_rows(plan, layer)
    inputs, gates, initial_sums = memory(work.inputs), memory(work.gates), memory(work.initial_sums)
    states, tanh_states = memory(work.states), memory(work.tanh_states)
    weights, weight = memory(packed.forward), forward_at(plan, layer)
    now = (inputs_at(plan, layer) + step * rows) * WIDTH
    for unit in range(cells):
        row = (layer * plan.steps + step) * cells + unit
        first, second, third, fourth = products(
            four_rows(initial_sums, 4 * (layer * cells + unit) * WIDTH),
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
    """Activate the step's gates in place, 4·H rows of `work.gates`.

    The new c, before zoneout, goes to row `step + 1` of the layer's `work.states` (T + 1, H).
    """
    gates, states = memory(work.gates), memory(work.states)
    for unit in range(plan.cells):
        row = (layer * plan.steps + step) * plan.cells + unit
        state = (row + layer * plan.cells) * WIDTH
        sums = four_rows(gates, 4 * row * WIDTH)
        enter, keep, made, leave = activations(sums[0], sums[1], sums[2], sums[3])
        store(gates, 4 * row * WIDTH, enter)
        store(gates, (4 * row + 1) * WIDTH, keep)
        store(gates, (4 * row + 2) * WIDTH, made)
        store(gates, (4 * row + 3) * WIDTH, leave)
        store(states, state + plan.cells * WIDTH, fma(keep, load(states, state, SIZE), enter * made))


@inlined
def _write_outputs(plan: Plan, layer: int, step: int, work: Workspace) -> None:
    """Write a step's outputs, H rows, as inputs of the layer above or to `work.outputs` (T, H⁺).

    The states after the step, H rows each, go to `work.inputs` (h) and, where zoneout keeps them, `work.states` (c).
    """
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
