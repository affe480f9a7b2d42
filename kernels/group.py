"""Groups of vectors: their types, their LLVM value and their arithmetic operators. `lanes` has the functions.

A group is an array of `<8 x float>` or `<8 x i32>`: LLVM makes of each one AVX register on x86-64, or two NEON
registers on arm64.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from llvmlite import ir
from numba import extending
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

LANES = 8  # of each vector
INTEGER = ir.IntType(32)
VECTORS = {"float32": ir.VectorType(ir.FloatType(), LANES), "uint32": ir.VectorType(INTEGER, LANES)}


class Floats(Protocol):
    """What a group of float32 lanes looks like to a type checker; it exists in compiled kernels only."""

    def __add__(self, other: "Floats | float") -> "Floats": ...
    def __sub__(self, other: "Floats | float") -> "Floats": ...
    def __mul__(self, other: "Floats | float") -> "Floats": ...
    def __truediv__(self, other: "Floats | float") -> "Floats": ...
    def __rsub__(self, other: float) -> "Floats": ...
    def __rtruediv__(self, other: float) -> "Floats": ...


class Bits(Protocol):
    """What a group of uint32 lanes looks like to a type checker. They wrap around."""

    def __add__(self, other: "Bits | int") -> "Bits": ...
    def __sub__(self, other: "Bits | int") -> "Bits": ...
    def __mul__(self, other: "Bits | int") -> "Bits": ...
    def __xor__(self, other: "Bits | int") -> "Bits": ...
    def __and__(self, other: "Bits | int") -> "Bits": ...
    def __lshift__(self, other: int) -> "Bits": ...
    def __rshift__(self, other: int) -> "Bits": ...


class Group(types.Type):
    def __init__(self, kind: str, vectors: int) -> None:
        super().__init__(name=f"{kind}x{LANES}x{vectors}")
        self.kind, self.vectors = kind, vectors


class _GroupModel(extending.models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, data_model_manager: Any, type_: Group) -> None:
        super().__init__(data_model_manager, type_, ir.ArrayType(VECTORS[type_.kind], type_.vectors))


extending.register_model(Group)(_GroupModel)


def vectors_of(builder: Any, group: Any) -> list[Any]:
    """A group's vectors."""
    return [builder.extract_value(group, place) for place in range(group.type.count)]


def grouped(builder: Any, vectors: list[Any]) -> Any:
    """A group of these vectors."""
    group = ir.Constant(ir.ArrayType(vectors[0].type, len(vectors)), ir.Undefined)
    for place, vector in enumerate(vectors):
        group = builder.insert_value(group, vector, place)
    return group


def splat(builder: Any, value: Any) -> Any:
    """A vector with the same value in all lanes."""
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, value, INTEGER(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(VECTORS["uint32"], [0] * LANES))


def operand_vectors(context: Any, builder: Any, type_: Any, value: Any, group: Group) -> list[Any]:
    """The vectors of a group, or a number as such vectors."""
    if isinstance(type_, Group):
        return vectors_of(builder, value)
    number = types.float32 if group.kind == "float32" else types.uint32
    return [splat(builder, context.cast(builder, value, type_, number))] * group.vectors


def common_group(groups: list[Any]) -> Group:
    assert len(set(groups)) == 1, f"groups of one kind and size, not {groups}"
    return cast(Group, groups[0])


def _arithmetic(python_operator: Callable[..., Any], instructions: Mapping[str, str]) -> None:
    class Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, operands: Any, _: Any) -> Any:
            groups = [operand for operand in operands if isinstance(operand, Group)]
            numbers = [operand for operand in operands if isinstance(operand, types.Number)]
            if not groups or len(groups) + len(numbers) < len(operands) or groups[0].kind not in instructions:
                return None
            return signature(common_group(groups), *operands)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        group = signature.return_type
        left, right = (operand_vectors(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        compute = getattr(builder, instructions[group.kind])
        return grouped(builder, [compute(row, other) for row, other in zip(left, right)])

    infer_global(python_operator)(Typing)
    for operands in ((Group, Group), (Group, types.Number), (types.Number, Group)):
        extending.lower_builtin(python_operator, *operands)(build)


_arithmetic(operator.add, {"float32": "fadd", "uint32": "add"})
_arithmetic(operator.sub, {"float32": "fsub", "uint32": "sub"})
_arithmetic(operator.mul, {"float32": "fmul", "uint32": "mul"})
_arithmetic(operator.truediv, {"float32": "fdiv"})
_arithmetic(operator.xor, {"uint32": "xor"})
_arithmetic(operator.and_, {"uint32": "and_"})
_arithmetic(operator.lshift, {"uint32": "shl"})
_arithmetic(operator.rshift, {"uint32": "lshr"})
