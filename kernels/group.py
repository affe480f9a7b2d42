"""Groups of vectors: their types, their LLVM value and their arithmetic operators. `lanes` has the functions.

A group is an array of `<8 x float>` or `<8 x i32>`: LLVM makes of each one AVX register on x86-64, or two NEON
registers on arm64.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

LANES = 8  # of each vector
INTEGER = ir.IntType(32)
VECTORS = {"float32": ir.VectorType(ir.FloatType(), LANES), "uint32": ir.VectorType(INTEGER, LANES)}


class Floats(Protocol):
    """A group of float32 lanes for type checkers; it exists only in compiled kernels."""

    def __add__(self, other: "Floats | float") -> "Floats": ...
    def __sub__(self, other: "Floats | float") -> "Floats": ...
    def __mul__(self, other: "Floats | float") -> "Floats": ...
    def __truediv__(self, other: "Floats | float") -> "Floats": ...
    def __rsub__(self, other: float) -> "Floats": ...
    def __rtruediv__(self, other: float) -> "Floats": ...


class Bits(Protocol):
    """A group of uint32 lanes for type checkers. Its arithmetic is modulo 2³²."""

    def __add__(self, other: "Bits | int") -> "Bits": ...
    def __sub__(self, other: "Bits | int") -> "Bits": ...
    def __mul__(self, other: "Bits | int") -> "Bits": ...
    def __xor__(self, other: "Bits | int") -> "Bits": ...
    def __and__(self, other: "Bits | int") -> "Bits": ...
    def __lshift__(self, other: int) -> "Bits": ...
    def __rshift__(self, other: int) -> "Bits": ...


class Group(types.Type):
    """numba's type of a group: the kind of its lanes, "float32" or "uint32", and its number of vectors."""

    def __init__(self, kind: str, vectors: int) -> None:
        super().__init__(name=f"{kind}x{LANES}x{vectors}")
        self.kind, self.vectors = kind, vectors


class _GroupModel(extending.models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, data_model_manager: Any, type_: Group) -> None:
        super().__init__(data_model_manager, type_, ir.ArrayType(VECTORS[type_.kind], type_.vectors))


extending.register_model(Group)(_GroupModel)


def vectors_of(builder: Any, group: Any) -> list[Any]:
    """The vectors of a group, as LLVM values."""
    return [builder.extract_value(group, place) for place in range(group.type.count)]


def grouped(builder: Any, vectors: list[Any]) -> Any:
    """The group of these vectors."""
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
    """The vectors of an operand: of a group, or a number in all lanes of vectors like those of `group`."""
    if isinstance(type_, Group):
        return vectors_of(builder, value)
    number = types.float32 if group.kind == "float32" else types.uint32
    return [splat(builder, context.cast(builder, value, type_, number))] * group.vectors


def common_group(groups: list[Any]) -> Group:
    """The type of all groups."""
    assert len(set(groups)) == 1, f"groups of one kind and size, not {groups}"
    return cast(Group, groups[0])


def converted(instruction: str, a: Any, kind: str) -> Any:
    """An intrinsic's signature and code: an instruction that converts each vector to another kind."""

    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        rows = vectors_of(builder, arguments[0])
        return grouped(builder, [getattr(builder, instruction)(row, VECTORS[kind]) for row in rows])

    return Group(kind, a.vectors)(a), build


def compared(comparison: str, a: Any, b: Any) -> Any:
    """An intrinsic's signature and code: `a` in the lanes where the comparison is true, else `b`."""
    group = common_group([operand for operand in (a, b) if isinstance(operand, Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = (operand_vectors(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        return grouped(
            builder,
            [
                builder.select(builder.fcmp_ordered(comparison, row, other), row, other)
                for row, other in zip(left, right)
            ],
        )

    return group(a, b), build


def of_each(name: str) -> Any:
    """An intrinsic's code: LLVM's function `name` of each vector."""

    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        function = instruction_of(builder, name, 1)
        return grouped(builder, [builder.call(function, [row]) for row in vectors_of(builder, arguments[0])])

    return build


def instruction_of(builder: Any, name: str, operands: int) -> Any:
    """LLVM's function `name` of vectors of float32."""
    type_ = ir.FunctionType(VECTORS["float32"], [VECTORS["float32"]] * operands)
    return cgutils.get_or_insert_function(builder.module, type_, f"{name}.v{LANES}f32")


def _arithmetic(python_operator: Callable[..., Any], instructions: Mapping[str, str]) -> None:
    """Define an operator of groups and numbers by an LLVM instruction for each kind."""

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
