"""An LSTM cell whose activations are kept, for compiled kernels that learn: forward, and its gradients backward.

It computes what `cell` does, from the same folded gates, and takes the gates' values apart.
"""

from forecastle.algorithms.deepar.cell import LARGEST, SMALLEST
from forecastle.kernels.compiled import inlined
from forecastle.kernels.elementary import LOG2_E, exp2
from forecastle.kernels.lanes import Floats, fma, maximum, minimum

Activations = tuple[Floats, Floats, Floats, Floats]  # of the gates: input, forget, cell, output


@inlined
def activations(input_: Floats, forget: Floats, cell: Floats, output: Floats) -> Activations:
    """σ(input), σ(forget), tanh(cell), σ(output), from the folded gates; two divisions for the four."""
    enter, made = _power(input_) + 1.0, _power(cell)
    first = 1.0 / (enter * (made + 1.0))
    leave, keep = _power(output) + 1.0, _power(forget) + 1.0
    second = 1.0 / (leave * keep)
    return (made + 1.0) * first, leave * second, (1.0 - made) * enter * first, keep * second


@inlined
def tanh(x: Floats) -> Floats:
    power = _power(x * (-2 * LOG2_E))
    return (1.0 - power) / (power + 1.0)


@inlined
def _power(gate: Floats) -> Floats:
    return exp2(maximum(minimum(gate, LARGEST), SMALLEST))


@inlined
def gate_gradients(
    gates: Activations, squashed: Floats, state: Floats, of_output: Floats, of_state: Floats
) -> tuple[Activations, Floats]:
    """The gradients of the four gates before their activations, and of the old state.

    `squashed` is tanh of the new state, `state` the old one; `of_output` and `of_state` are the gradients of the cell's
    output and of its new state.
    """
    enter, keep, made, leave = gates
    whole = fma(of_output * leave, 1.0 - squashed * squashed, of_state)
    of_gates = (
        whole * made * (enter * (1.0 - enter)),
        whole * state * (keep * (1.0 - keep)),
        whole * enter * (1.0 - made * made),
        of_output * squashed * (leave * (1.0 - leave)),
    )
    return of_gates, whole * keep
