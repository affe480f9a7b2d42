"""An LSTM cell in lanes, for compiled kernels.

    c = σ(forget)·c + σ(input)·tanh(cell)        h = σ(output)·tanh(c)

With E = 2^gate of the folded gates (see `layout`), that is e^−gate and for the cell gate e^−2·gate, σ = 1/(1 + E) and
tanh = (1 − E)/(1 + E); each line takes a single division, through its common denominator.
"""

from forecastle.algorithms.deepar.arrays import Floats as Floats32
from forecastle.kernels.compiled import inlined
from forecastle.kernels.elementary import LOG2_E, exp2
from forecastle.kernels.lanes import Floats, Size, fma, load, maximum, minimum

# 2^40 and more is as good as infinite beside 1, and three such factors still fit a float32.
LARGEST, SMALLEST = 40.0, -100.0


@inlined
def new_state(input_: Floats, forget: Floats, cell_: Floats, state: Floats) -> Floats:
    """The new state c, from three of the folded gates and the old state."""
    forgotten, taken, made = _one_and_power(forget), _one_and_power(input_), _power(cell_)
    entering = taken * (made + 1.0)
    return fma(state, entering, (1.0 - made) * forgotten) / (forgotten * entering)


@inlined
def new_output(output: Floats, state: Floats) -> Floats:
    """The output h, from its folded gate and the new state."""
    squashed = _power(state * (-2 * LOG2_E))
    return (1.0 - squashed) / (_one_and_power(output) * (squashed + 1.0))


@inlined
def _power(gate: Floats) -> Floats:
    return exp2(maximum(minimum(gate, LARGEST), SMALLEST))


@inlined
def _one_and_power(gate: Floats) -> Floats:
    return _power(gate) + 1.0


Sums = tuple[Floats, Floats, Floats, Floats]


@inlined
def products(
    sums: Sums, factors: Floats32, factor: int, rows: Floats32, row: int, stride: int, count: int, size: Size
) -> Sums:
    """sums[i] + Σ factors[factor + 4·k + i] · rows[row + k·stride …] over k < count, for four sums at once."""
    a, b, c, d = sums
    for k in range(count):
        lanes = load(rows, row + k * stride, size)
        at = factor + 4 * k
        a, b = fma(lanes, factors[at], a), fma(lanes, factors[at + 1], b)
        c, d = fma(lanes, factors[at + 2], c), fma(lanes, factors[at + 3], d)
    return a, b, c, d
