"""Functions of lanes for kernels: activations, and sums over lanes."""

from forecastle.algorithms.seq2seq.arrays import Floats as Floats32
from forecastle.kernels.compiled import inlined
from forecastle.kernels.elementary import LOG2_E, exp2, exp2_less_1
from forecastle.kernels.lanes import SIZES, Floats, maximum, minimum, store
from forecastle.kernels.pointer import memory

ONE = SIZES[1]  # a vector of LANES numbers
LANES = 8
_LARGEST = 60.0  # beyond 2^60, 1 is negligible, and the square of it is still a finite float32


@inlined
def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e^−x); error 3e-7."""
    return 1.0 / (exp2(maximum(minimum(x * -LOG2_E, _LARGEST), -_LARGEST)) + 1.0)


@inlined
def tanh(x: Floats) -> Floats:
    """The hyperbolic tangent; error 3e-7, also for small numbers; of 0 it is 0, so that padding stays 0."""
    power = exp2_less_1(maximum(minimum(x * (2 * LOG2_E), _LARGEST), -_LARGEST))
    return power / (power + 2.0)


@inlined
def exp(x: Floats) -> Floats:
    """e^x for x ≤ 0; 0 below −87."""
    return exp2(maximum(x * LOG2_E, -126.0))


@inlined
def total(lanes: Floats, scratch: Floats32) -> float:
    """The sum of a vector's lanes; `scratch` has room for them."""
    store(memory(scratch), 0, lanes)
    first, second = scratch[0] + scratch[4], scratch[1] + scratch[5]
    third, fourth = scratch[2] + scratch[6], scratch[3] + scratch[7]
    return first + second + (third + fourth)  # type: ignore[no-any-return]
