"""A step of LSTM and GRU cells, for a batch of rows: what follows the products of inputs and states with weights.

lstm  c' = σ(forget)·c + σ(input)·tanh(cell)         h' = σ(output)·tanh(c')
gru   n = tanh(new_x + σ(reset)·new_h)               h' = (1 − σ(update))·n + σ(update)·h
"""

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.functions import LANES, ONE, sigmoid, tanh
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.lanes import fma, load, spread, store
from forecastle.kernels.pointer import memory


@inlined
def sum_of(sums: Floats, at: int, there: bool, bias: Lanes) -> Lanes:
    """A vector of flat `sums` plus its bias; of the bias alone where the row is not there."""
    return load(sums, at, ONE) + bias if there else bias


@kernel
def lstm(
    input_bias: Floats,
    hidden_bias: Floats,
    inputs: Floats,
    products: Floats,
    states: Floats,
    gates: Floats,
    new_states: Floats,
    out: Floats,
    column: int,
) -> None:
    """A step of LSTM cells.

    Parameters
    ----------
    input_bias, hidden_bias : (4·H).
    inputs, products : (≤ n, 4·H): the weights' products with inputs and with the old outputs. Rows that are missing are
        0, as in `states`.
    states : (≤ n, H): the old c.
    gates : (n, 4·H): receives the activated gates.
    new_states : (n, H): receives c'.
    out : (n, ·): receives h' from `column` on.
    """
    rows, cells = new_states.shape
    x, y, old, new, activated, to = (
        memory(inputs),
        memory(products),
        memory(states),
        memory(new_states),
        memory(gates),
        memory(out),
    )
    first, second = memory(input_bias), memory(hidden_bias)
    for row in range(rows):
        has_inputs, has_products = row < len(inputs), row < len(products)
        for unit in range(0, cells, LANES):
            i, f, g, o = unit, cells + unit, 2 * cells + unit, 3 * cells + unit
            at = row * 4 * cells
            enter = sigmoid(_gate(x, y, at + i, has_inputs, has_products, first, second, i))
            keep = sigmoid(_gate(x, y, at + f, has_inputs, has_products, first, second, f))
            made = tanh(_gate(x, y, at + g, has_inputs, has_products, first, second, g))
            leave = sigmoid(_gate(x, y, at + o, has_inputs, has_products, first, second, o))
            state = enter * made
            if row < len(states):
                state = fma(keep, load(old, row * cells + unit, ONE), state)
            store(activated, at + i, enter)
            store(activated, at + f, keep)
            store(activated, at + g, made)
            store(activated, at + o, leave)
            store(new, row * cells + unit, state)
            store(to, row * out.shape[1] + column + unit, leave * tanh(state))


@inlined
def _gate(
    inputs: Floats,
    products: Floats,
    at: int,
    has_inputs: bool,
    has_products: bool,
    first: Floats,
    second: Floats,
    i: int,
) -> Lanes:
    """A gate before its activation: two sums, if there, and two biases, all of them pointers."""
    bias = load(first, i, ONE) + load(second, i, ONE)
    return sum_of(products, at, has_products, sum_of(inputs, at, has_inputs, bias))


@kernel
def gru(
    input_bias: Floats,
    hidden_bias: Floats,
    inputs: Floats,
    products: Floats,
    states: Floats,
    gates: Floats,
    new_states: Floats,
    out: Floats,
    column: int,
) -> None:
    """A step of GRU cells, with the parameters of `lstm`, but for those sizes:

    Parameters
    ----------
    input_bias, hidden_bias : (3·H).
    inputs, products : (≤ n, 3·H).
    states, new_states : (·, H): h and h'.
    gates : (n, 4·H): receives the activated reset, update and new gate, and new_h, which the reset gate multiplied.
    """
    rows, cells = new_states.shape
    x, y, old, new, activated, to = (
        memory(inputs),
        memory(products),
        memory(states),
        memory(new_states),
        memory(gates),
        memory(out),
    )
    first, second = memory(input_bias), memory(hidden_bias)
    for row in range(rows):
        has_inputs, has_products = row < len(inputs), row < len(products)
        for unit in range(0, cells, LANES):
            r, z, n = unit, cells + unit, 2 * cells + unit
            at, to_gates = row * 3 * cells, row * 4 * cells
            reset = sigmoid(_gate(x, y, at + r, has_inputs, has_products, first, second, r))
            update = sigmoid(_gate(x, y, at + z, has_inputs, has_products, first, second, z))
            of_state = sum_of(y, at + n, has_products, load(second, n, ONE))
            made = tanh(fma(reset, of_state, sum_of(x, at + n, has_inputs, load(first, n, ONE))))
            state = spread(0.0, ONE)
            if row < len(states):
                state = load(old, row * cells + unit, ONE)
            state = fma(update, state - made, made)
            store(activated, to_gates + r, reset)
            store(activated, to_gates + z, update)
            store(activated, to_gates + n, made)
            store(activated, to_gates + 3 * cells + unit, of_state)
            store(new, row * cells + unit, state)
            store(to, row * out.shape[1] + column + unit, state)


CELLS = {"lstm": lstm, "gru": gru}


@kernel
def squash(sums: Floats, bias: Floats, out: Floats) -> None:
    """Write tanh(sums + bias) to `out`, both (n, H); they may be the same array."""
    rows, cells = out.shape
    x, to, biases = memory(sums), memory(out), memory(bias)
    for row in range(rows):
        for unit in range(0, cells, LANES):
            at = row * cells + unit
            store(to, at, tanh(load(x, at, ONE) + load(biases, unit, ONE)))
