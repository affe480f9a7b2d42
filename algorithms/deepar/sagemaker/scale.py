"""The scale in SageMaker's graph, the same as ours: the mean of |y| over the observed values of the context."""

from dataclasses import dataclass

from forecastle.algorithms.deepar.sagemaker.graph import VARIABLE, Ref
from forecastle.algorithms.deepar.sagemaker.pattern import Pattern

TARGET, OBSERVED = "trainTarget", "observedValuesTrain"
FLOOR = 1e-10


@dataclass(frozen=True, slots=True)
class Scale:
    """The node that computes it, a column; and its value if all observed values are zero."""

    ref: Ref
    default: float


def read_scale(pattern: Pattern, ref: Ref, train_length: int, context_length: int) -> Scale:
    """Compare the nodes that compute the scale with the known structure. Raises `InvalidData`."""
    floored = pattern.only_input(pattern.only_input(ref, "expand_dims", axis="1"), "Reshape", shape="(-1,)")
    chosen = pattern.only_input(floored, "_maximum_scalar")
    if pattern.number(floored, "scalar") != FLOOR:
        raise pattern.wrong(floored, f"_maximum_scalar {FLOOR}")
    any_, mean, default = pattern.inputs(chosen, "where", 3)
    total, zeros = pattern.inputs(any_, "broadcast_greater", 2)
    divided, divisor = pattern.inputs(mean, "broadcast_div", 2)
    pattern.same(divided, total, "the sum of magnitudes")
    count, ones = pattern.inputs(divisor, "broadcast_maximum", 2)
    pattern.only_input(zeros, "zeros_like")
    pattern.only_input(ones, "ones_like")
    pattern.only_input(pattern.only_input(default, "_mul_scalar"), "ones_like")
    magnitudes, observed = pattern.inputs(pattern.only_input(total, "sum", axis="1"), "elemwise_mul", 2)
    pattern.same(pattern.only_input(count, "sum", axis="1"), observed, "the sum of the observed flags")
    for name, joined in ((TARGET, pattern.only_input(magnitudes, "abs")), (OBSERVED, observed)):
        for step, each in enumerate(pattern.inputs(joined, "Concat", context_length, dim="1")):
            at = pattern.slice_of(each, name, 1, train_length, expanded=True)
            if at != train_length - context_length + step:
                raise pattern.wrong(each, f"step {step} of the context")
    value = pattern.number(default, "scalar")
    if not 0 <= value < float("inf"):
        raise pattern.wrong(default, "a default scale that is not negative")
    return Scale(ref, value)


def read_no_scale(pattern: Pattern, ref: Ref) -> Scale:
    """The scale of a likelihood without one: 1, computed only from the shapes of the inputs."""
    seen, ahead = set(), [ref]
    while ahead:
        each = ahead.pop()
        if each in seen or pattern.is_op(each, "ones_like"):
            continue
        seen.add(each)
        if pattern.is_op(each, VARIABLE):
            raise pattern.wrong(each, "a scale of 1, as this likelihood's values are not scaled")
        ahead += pattern.node(each).inputs
    return Scale(ref, 0.0)
