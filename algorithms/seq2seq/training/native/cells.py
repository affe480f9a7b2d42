"""The gradients of a step of LSTM and GRU cells; `algorithms/seq2seq/cells.py` has what they undo."""

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.functions import LANES, ONE, tanh, total
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.lanes import load, spread, store
from forecastle.kernels.pointer import memory


@inlined
def _row_of(array: Floats, at: int, there: bool) -> Lanes:
    """A vector of flat `array`; 0 where its row is not there."""
    return load(array, at, ONE) if there else spread(0.0, ONE)


@kernel
def lstm_backward(
    gates: Floats,
    states: Floats,
    new_states: Floats,
    out: Floats,
    column: int,
    recurrent: Floats,
    carried: Floats,
    inputs: Floats,
    products: Floats,  # noqa: ARG001
    carry: Floats,
) -> None:
    """The gradients of a step of LSTM cells.

    Parameters
    ----------
    gates : (n, 4·H): the activated gates.
    states, new_states : (≤ n, H) and (n, H): c and c'. Rows that are missing are 0, also below.
    out : (n, ·): the gradients of h', from `column` on, as far as they come from above, and
    recurrent : (≤ n, H): those that come from the step after.
    carried : (≤ n, H): the gradients of c' that come from the step after.
    inputs : (n, 4·H): receives the gradients of the gates before their activation, which both weights' products have.
    products : not used; it is of GRU cells.
    carry : (n, H): receives the gradients of c; it may be `carried`.
    """
    rows, cells = new_states.shape
    activated, old, new, above = memory(gates), memory(states), memory(new_states), memory(out)
    after, before, written, passed = memory(recurrent), memory(carried), memory(inputs), memory(carry)
    for row in range(rows):
        for unit in range(0, cells, LANES):
            at, gate = row * cells + unit, row * 4 * cells + unit
            enter, keep = load(activated, gate, ONE), load(activated, gate + cells, ONE)
            made, leave = load(activated, gate + 2 * cells, ONE), load(activated, gate + 3 * cells, ONE)
            of_out = load(above, row * out.shape[1] + column + unit, ONE) + _row_of(after, at, row < len(recurrent))
            reached = tanh(load(new, at, ONE))
            of_state = of_out * leave * (1.0 - reached * reached) + _row_of(before, at, row < len(carried))
            store(written, gate, of_state * made * enter * (1.0 - enter))
            store(written, gate + cells, of_state * _row_of(old, at, row < len(states)) * keep * (1.0 - keep))
            store(written, gate + 2 * cells, of_state * enter * (1.0 - made * made))
            store(written, gate + 3 * cells, of_out * reached * leave * (1.0 - leave))
            store(passed, at, of_state * keep)


@kernel
def gru_backward(
    gates: Floats,
    states: Floats,
    new_states: Floats,
    out: Floats,
    column: int,
    recurrent: Floats,
    carried: Floats,
    inputs: Floats,
    products: Floats,
    carry: Floats,
) -> None:
    """The gradients of a step of GRU cells, with the parameters of `lstm_backward`, but for these:

    Parameters
    ----------
    gates : (n, 4·H): as `gru` wrote them.
    carried, carry : the gradients of h' and h that pass by the products.
    inputs, products : (n, 3·H): receive the gradients of the weights' products with inputs and with h.
    """
    rows, cells = new_states.shape
    activated, old, above = memory(gates), memory(states), memory(out)
    after, before, written, others, passed = (
        memory(recurrent),
        memory(carried),
        memory(inputs),
        memory(products),
        memory(carry),
    )
    for row in range(rows):
        for unit in range(0, cells, LANES):
            at, gate, to = row * cells + unit, row * 4 * cells + unit, row * 3 * cells + unit
            reset, update = load(activated, gate, ONE), load(activated, gate + cells, ONE)
            made, of_old = load(activated, gate + 2 * cells, ONE), load(activated, gate + 3 * cells, ONE)
            of_out = load(above, row * out.shape[1] + column + unit, ONE) + _row_of(after, at, row < len(recurrent))
            of_out = of_out + _row_of(before, at, row < len(carried))
            of_made = of_out * (1.0 - update) * (1.0 - made * made)
            of_update = of_out * (_row_of(old, at, row < len(states)) - made) * update * (1.0 - update)
            of_reset = of_made * of_old * reset * (1.0 - reset)
            store(written, to, of_reset)
            store(written, to + cells, of_update)
            store(written, to + 2 * cells, of_made)
            store(others, to, of_reset)
            store(others, to + cells, of_update)
            store(others, to + 2 * cells, of_made * reset)
            store(passed, at, of_out * update)


BACKWARD = {"lstm": lstm_backward, "gru": gru_backward}


@kernel
def squash_backward(gradients: Floats, reached: Floats, out: Floats) -> None:
    """The gradients before a hyperbolic tangent, from those after it and its results `reached`; all (n, H)."""
    rows, cells = out.shape
    after, results, to = memory(gradients), memory(reached), memory(out)
    for at in range(0, rows * cells, LANES):
        result = load(results, at, ONE)
        store(to, at, load(after, at, ONE) * (1.0 - result * result))


@kernel
def add_sums(turned: Floats, out: Floats) -> None:
    """Add the sum of each row of a matrix, (columns, n), to `out`, (columns,)."""
    columns, rows = turned.shape
    values, scratch = memory(turned), np.empty(LANES, np.float32)
    whole = rows // LANES * LANES
    for column in range(columns):
        lanes = spread(0.0, ONE)
        for row in range(0, whole, LANES):
            lanes = lanes + load(values, column * rows + row, ONE)
        sum_of_rest = np.float32(0)
        for row in range(whole, rows):
            sum_of_rest += turned[column, row]
        out[column] += total(lanes, scratch) + sum_of_rest


@kernel
def add_at(matrix: Floats, places: Indices, out: Floats) -> None:
    """Add each row of a matrix, (n, columns), to the row of `out`, (·, columns), at its place, (n,)."""
    rows, columns = matrix.shape
    values, sums = memory(matrix), memory(out)
    for row in range(rows):
        for column in range(0, columns, LANES):
            to = places[row] * columns + column
            store(sums, to, load(sums, to, ONE) + load(values, row * columns + column, ONE))
