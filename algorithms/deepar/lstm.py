"""An LSTM cell for compiled kernels, lane by lane: the forward step, for inference and for training, and its gradients.

    c = σ(forget)·c + σ(input)·tanh(cell)        h = σ(output)·tanh(c)

Gates are folded: weights and biases are multiplied so that E = 2^gate is e^−x for the sigmoids' gates x, and e^−2x for
the cell gate. Then σ = 1/(1 + E) and tanh = (1 − E)/(1 + E), and each line needs a single division, by a common
denominator.
"""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats as Floats32
from forecastle.kernels.compiled import inlined
from forecastle.kernels.elementary import LOG2_E, exp2
from forecastle.kernels.lanes import Floats, Size, fma, load, maximum, minimum

# Beyond 2^40, 1 is negligible, and the product of three such factors is still a finite float32.
LARGEST, SMALLEST = 40.0, -100.0

GATE_FACTORS = np.array([-LOG2_E, -LOG2_E, -2 * LOG2_E, -LOG2_E], np.float32)  # folding, of input, forget, cell, output

Sums = tuple[Floats, Floats, Floats, Floats]
Gates = tuple[Floats, Floats, Floats, Floats]  # of input, forget, cell, output


@inlined
def products(
    sums: Sums, factors: Floats32, factor: int, rows: Floats32, row: int, stride: int, count: int, size: Size
) -> Sums:
    """sums[i] + Σ factors[factor + 4·k + i] · rows[row + k·stride …] over k < count, for four sums at once.

    factors, rows : pointers, to (count, 4) numbers from `factor` on and to rows of lanes from `row` on.
    """
    a, b, c, d = sums
    for k in range(count):
        lanes = load(rows, row + k * stride, size)
        at = factor + 4 * k
        a, b = fma(lanes, factors[at], a), fma(lanes, factors[at + 1], b)
        c, d = fma(lanes, factors[at + 2], c), fma(lanes, factors[at + 3], d)
    return a, b, c, d


@inlined
def new_state(input_: Floats, forget: Floats, cell: Floats, state: Floats) -> Floats:
    """The new state c, from the folded gates `input_`, `forget` and `cell` and the old state."""
    kept, entering, candidate = _one_and_power(forget), _one_and_power(input_), _power(cell)
    denominator = entering * (candidate + 1.0)
    return fma(state, denominator, (1.0 - candidate) * kept) / (kept * denominator)


@inlined
def new_output(output: Floats, state: Floats) -> Floats:
    """The output h, from its folded gate and the new state."""
    squashed = _power(state * (-2 * LOG2_E))
    return (1.0 - squashed) / (_one_and_power(output) * (squashed + 1.0))


@inlined
def activations(input_: Floats, forget: Floats, cell: Floats, output: Floats) -> Gates:
    """σ(input), σ(forget), tanh(cell), σ(output), from the folded gates, with two divisions; training stores them."""
    enter, candidate = _power(input_) + 1.0, _power(cell)
    first = 1.0 / (enter * (candidate + 1.0))
    leave, keep = _power(output) + 1.0, _power(forget) + 1.0
    second = 1.0 / (leave * keep)
    return (candidate + 1.0) * first, leave * second, (1.0 - candidate) * enter * first, keep * second


@inlined
def tanh(x: Floats) -> Floats:
    """tanh(x)."""
    power = _power(x * (-2 * LOG2_E))
    return (1.0 - power) / (power + 1.0)


@inlined
def gate_gradients(
    gates: Gates, tanh_state: Floats, state: Floats, output_gradient: Floats, state_gradient: Floats
) -> tuple[Gates, Floats]:
    """The gradients of the four gates before their activations, and of the old state.

    `gates` are activated, `tanh_state` is tanh of the new state, `state` the old one; `output_gradient` and
    `state_gradient` are the gradients of the cell's output h and of its new state c.
    """
    enter, keep, candidate, leave = gates
    whole = fma(output_gradient * leave, 1.0 - tanh_state * tanh_state, state_gradient)
    of_gates = (
        whole * candidate * (enter * (1.0 - enter)),
        whole * state * (keep * (1.0 - keep)),
        whole * enter * (1.0 - candidate * candidate),
        output_gradient * tanh_state * (leave * (1.0 - leave)),
    )
    return of_gates, whole * keep


@inlined
def _power(gate: Floats) -> Floats:
    """E = 2^gate, within limits."""
    return exp2(maximum(minimum(gate, LARGEST), SMALLEST))


@inlined
def _one_and_power(gate: Floats) -> Floats:
    """1 + E."""
    return _power(gate) + 1.0
