"""Eight float32 lanes as one value of compiled kernels.

LLVM's `<8 x float>`: one AVX register on x86-64, two NEON registers on arm64, two SSE registers on older machines. The
lanes of all operations are rounded as IEEE says, so a row's result is the same bytes in a vector and alone.
"""

import operator
from collections.abc import Callable
from typing import Any, Protocol, cast

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

LANES = 8
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_FLOAT_BYTES = 4  # vectors may start at any float


class Float8(Protocol):
    """What eight lanes look like to a type checker; they exist in compiled kernels only."""

    def __add__(self, other: "Float8") -> "Float8": ...
    def __sub__(self, other: "Float8") -> "Float8": ...
    def __mul__(self, other: "Float8") -> "Float8": ...
    def __truediv__(self, other: "Float8") -> "Float8": ...


class _Float8Type(types.Type):
    def __init__(self) -> None:
        super().__init__(name="float32x8")


float8 = _Float8Type()


class _Float8Model(extending.models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, data_model_manager: Any, type_: _Float8Type) -> None:
        super().__init__(data_model_manager, type_, _VECTOR)


extending.register_model(_Float8Type)(_Float8Model)
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_intrinsic = cast(_Decorator, extending.intrinsic)


@_intrinsic
def load(_: Any, values: Any, index: Any) -> Any:  # noqa: ARG001
    """`load(values, index) -> Float8`: eight floats of a `memory`, from `index` on."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.load(_vector_at(builder, *arguments), align=_FLOAT_BYTES, typ=_VECTOR)

    return float8(values, types.intp), build


@_intrinsic
def store(_: Any, values: Any, index: Any, lanes: Any) -> Any:  # noqa: ARG001
    """`store(values, index, lanes)`: write them to a `memory`, from `index` on."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _vector_at(builder, *arguments[:2]), align=_FLOAT_BYTES)
        return context.get_dummy_value()

    return types.void(values, types.intp, lanes), build


@_intrinsic
def broadcast(_: Any, value: Any) -> Any:  # noqa: ARG001
    """`broadcast(value) -> Float8`: the same float32 in all lanes."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _splat(builder, arguments[0])

    return float8(types.float32), build


@_intrinsic
def minimum(_: Any, a: Any, b: Any) -> Any:
    """`minimum(a, b) -> Float8`: the smaller of each pair of lanes; `b` where one of them is no number."""
    return float8(a, b), _chosen("<")


@_intrinsic
def maximum(_: Any, a: Any, b: Any) -> Any:
    """`maximum(a, b) -> Float8`: the larger of each pair of lanes; `b` where one of them is no number."""
    return float8(a, b), _chosen(">")


@_intrinsic
def absolute(_: Any, lanes: Any) -> Any:
    """`absolute(lanes) -> Float8`"""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _called(builder, "llvm.fabs.v8f32", arguments)

    return float8(lanes), build


@_intrinsic
def multiply_add(_: Any, a: Any, b: Any, c: Any) -> Any:
    """`multiply_add(a, b, c) -> Float8`: a · b + c, rounded once where the processor can."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _called(builder, "llvm.fmuladd.v8f32", arguments)

    return float8(a, b, c), build


@_intrinsic
def blend(_: Any, first: Any, stop: Any, inside: Any, outside: Any) -> Any:  # noqa: ARG001
    """`blend(first, stop, inside, outside) -> Float8`: lanes [first, stop) of `inside`, the others of `outside`."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        lane = _indices(list(range(LANES)))
        edges = [_splat(builder, builder.trunc(edge, ir.IntType(32))) for edge in arguments[:2]]
        after, before = builder.icmp_signed(">=", lane, edges[0]), builder.icmp_signed("<", lane, edges[1])
        return builder.select(builder.and_(after, before), arguments[2], arguments[3])

    return float8(types.intp, types.intp, inside, outside), build


def _vector_at(builder: Any, memory: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(memory, [index]), ir.PointerType(_VECTOR))


def _called(builder: Any, function: str, arguments: Any) -> Any:
    signature = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, function), arguments)


def _splat(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, nothing, _indices([0] * LANES))


def _indices(places: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), LANES), places)


def _chosen(comparison: str) -> Callable[..., Any]:
    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        a, b = arguments
        return builder.select(builder.fcmp_ordered(comparison, a, b), a, b)

    return build


def _arithmetic(python_operator: Callable[..., Any], instruction: str) -> None:
    @_intrinsic
    def compute(_: Any, a: Any, b: Any) -> Any:
        def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return float8(a, b), build

    def choose(a: Any, b: Any) -> Any:
        def implementation(a: Any, b: Any) -> Any:
            return compute(a, b)

        return implementation if a is float8 and b is float8 else None

    extending.overload(python_operator)(choose)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
