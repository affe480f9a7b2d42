"""Several vectors of eight 32-bit lanes as one value of compiled kernels.

Arithmetic on a group of vectors is that of each of its vectors in turn: two or three independent chains of
instructions, which a core works on at once where one chain alone would wait for itself. The lanes of +, −, × and / are
rounded as IEEE says; `fma` is rounded once where the machine has such an instruction.

A group's size is part of its type. Kernels that are to be compiled for a size take it as an argument: a tuple of as
many zeros.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

LANES = 8  # of each vector
Size = tuple[int, ...]
SIZES: dict[int, Size] = {2: (0, 0), 3: (0, 0, 0)}  # 12 sums of three vectors and their factors fill 16 registers

_INTEGER = ir.IntType(32)
_VECTORS = {"float32": ir.VectorType(ir.FloatType(), LANES), "uint32": ir.VectorType(_INTEGER, LANES)}
_BYTES = 4  # vectors may start at any number
_LINE = 64


def aligned(*shape: int) -> npt.NDArray[np.float32]:
    """An array, not filled, that begins with a line of the cache: no vector in it then lies across two of them."""
    spare = _LINE // _BYTES
    memory = np.empty(math.prod(shape) + spare, np.float32)
    first = -(memory.ctypes.data // _BYTES) % spare
    return memory[first : first + math.prod(shape)].reshape(shape)


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


# Intrinsics, by what a type checker is to think that they give.
_gives_floats = cast(Callable[[Callable[..., Any]], Callable[..., Floats]], extending.intrinsic)
_gives_bits = cast(Callable[[Callable[..., Any]], Callable[..., Bits]], extending.intrinsic)
_gives_either = cast(Callable[[Callable[..., Any]], Callable[..., Any]], extending.intrinsic)


class _Group(types.Type):
    def __init__(self, kind: str, vectors: int) -> None:
        super().__init__(name=f"{kind}x{LANES}x{vectors}")
        self.kind, self.vectors = kind, vectors


class _GroupModel(extending.models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, data_model_manager: Any, type_: _Group) -> None:
        super().__init__(data_model_manager, type_, ir.ArrayType(_VECTORS[type_.kind], type_.vectors))


extending.register_model(_Group)(_GroupModel)


@_gives_floats
def load(_: Any, memory: Any, index: Any, size: Any) -> Any:  # noqa: ARG001
    """`load(memory, index, size) -> Floats`: numbers of a `simd.memory`, from `index` on."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        address = _address(builder, arguments[0], arguments[1])
        vectors = [
            builder.load(builder.gep(address, [_INTEGER(place)]), align=_BYTES, typ=_VECTORS["float32"])
            for place in range(size.count)
        ]
        return _group(builder, vectors)

    return _Group("float32", size.count)(memory, types.intp, size), build


@_gives_either
def store(_: Any, memory: Any, index: Any, group: Any) -> Any:  # noqa: ARG001
    """`store(memory, index, group)`: write them, from `index` on."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        address = _address(builder, arguments[0], arguments[1])
        for place, vector in enumerate(_vectors(builder, arguments[2])):
            builder.store(vector, builder.gep(address, [_INTEGER(place)]), align=_BYTES)
        return context.get_dummy_value()

    return types.void(memory, types.intp, group), build


@_gives_either
def fetch(_: Any, memory: Any, index: Any, to_write: Any) -> Any:  # noqa: ARG001
    """`fetch(memory, index, to_write)`: have the line of the cache that holds a number at hand, soon to be needed.

    `to_write`, a constant, says what for.
    """
    if not isinstance(to_write, types.Literal):
        return None

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        address = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), ir.PointerType(ir.IntType(8)))
        type_ = ir.FunctionType(ir.VoidType(), [address.type, _INTEGER, _INTEGER, _INTEGER])
        function = cgutils.get_or_insert_function(builder.module, type_, "llvm.prefetch.p0")
        builder.call(function, [address, _INTEGER(to_write.literal_value), _INTEGER(3), _INTEGER(1)])
        return context.get_dummy_value()

    return types.void(memory, types.intp, to_write), build


@_gives_either
def turn(_: Any, source: Any, index: Any, step: Any, target: Any, place: Any, stride: Any) -> Any:  # noqa: ARG001
    """`turn(source, index, step, target, place, stride)`: eight rows of eight floats become eight columns.

    Row i lies at source[index + i·step]; what was its column j goes to target[place + j·stride + i].
    """

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        source, index, step, target, place, stride = arguments
        rows = []
        for _ in range(LANES):
            rows.append(builder.load(_address(builder, source, index), align=_BYTES, typ=_VECTORS["float32"]))
            index = builder.add(index, step)
        for distance in (4, 2, 1):  # of the halves, quarters and lanes that change places
            low = [lane + (LANES - distance if lane & distance else 0) for lane in range(LANES)]
            high = [lane + distance for lane in low]
            masks = [ir.Constant(_VECTORS["uint32"], order) for order in (low, high)]
            upper = [number for number in range(LANES) if not number & distance]
            for number in upper:
                pair = rows[number], rows[number + distance]
                rows[number], rows[number + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for number, row in enumerate(rows):
            builder.store(row, _address(builder, target, place), align=_BYTES)
            if number + 1 < LANES:
                place = builder.add(place, stride)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), build


@_gives_either
def spread(_: Any, value: Any, size: Any) -> Any:
    """`spread(value, size) -> Floats | Bits`: the same number, float32 or uint32, in all lanes."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _group(builder, [_splat(builder, arguments[0])] * size.count)

    number = types.float32 if isinstance(value, types.Float) else types.uint32
    return _Group(number.name, size.count)(number, size), build


@_gives_bits
def count_up(_: Any, first: Any, size: Any) -> Any:  # noqa: ARG001
    """`count_up(first, size) -> Bits`: first, first + 1, first + 2 …"""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        start = _splat(builder, arguments[0])
        places = (range(vector * LANES, (vector + 1) * LANES) for vector in range(size.count))
        return _group(builder, [builder.add(start, ir.Constant(_VECTORS["uint32"], list(row))) for row in places])

    return _Group("uint32", size.count)(types.uint32, size), build


@_gives_floats
def fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """`fma(a, b, c) -> Floats`: a·b + c. Numbers may stand for groups, but not for all three."""
    group = _same_group([operand for operand in (a, b, c) if isinstance(operand, _Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = _instruction(builder, "llvm.fmuladd", 3)
        operands = [_operand(context, builder, *pair, group) for pair in zip(signature.args, arguments)]
        return _group(builder, [builder.call(function, row) for row in zip(*operands)])

    return group(a, b, c), build


@_gives_floats
def minimum(_: Any, a: Any, b: Any) -> Any:
    """`minimum(a, b) -> Floats`: the smaller of each pair of lanes; `b` where one of them is no number."""
    return _compared("<", a, b)


@_gives_floats
def maximum(_: Any, a: Any, b: Any) -> Any:
    """`maximum(a, b) -> Floats`: the larger of each pair of lanes; `b` where one of them is no number."""
    return _compared(">", a, b)


@_gives_floats
def square_root(_: Any, a: Any) -> Any:
    """`square_root(a) -> Floats`."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        function = _instruction(builder, "llvm.sqrt", 1)
        return _group(builder, [builder.call(function, [row]) for row in _vectors(builder, arguments[0])])

    return a(a), build


@_gives_bits
def exceeds(_: Any, a: Any, b: Any) -> Any:
    """`exceeds(a, b) -> Bits`: all bits of the lanes where a > b, and none of the others."""
    group = _same_group([operand for operand in (a, b) if isinstance(operand, _Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = (_operand(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        rows = (builder.fcmp_ordered(">", row, other) for row, other in zip(left, right))
        return _group(builder, [builder.sext(row, _VECTORS["uint32"]) for row in rows])

    return _Group("uint32", group.vectors)(a, b), build


@_gives_floats
def choose(_: Any, bits: Any, a: Any, b: Any) -> Any:
    """`choose(bits, a, b) -> Floats`: `a` in the lanes that have a bit set, else `b`; either may be a number."""
    group = _Group("float32", bits.vectors)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nothing = ir.Constant(_VECTORS["uint32"], [0] * LANES)
        operands = [_operand(context, builder, *pair, group) for pair in zip(signature.args[1:], arguments[1:])]
        rows = zip(_vectors(builder, arguments[0]), *operands)
        return _group(
            builder, [builder.select(builder.icmp_unsigned("!=", row, nothing), *others) for row, *others in rows]
        )

    return group(bits, a, b), build


@_gives_bits
def high_product(_: Any, a: Any, factor: Any) -> Any:  # noqa: ARG001
    """`high_product(a, factor) -> Bits`: the upper 32 bits of each lane's product with a uint32."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        long = ir.VectorType(ir.IntType(64), LANES)
        half = ir.Constant(long, [32] * LANES)
        other = builder.zext(_splat(builder, arguments[1]), long)
        products = [builder.mul(builder.zext(row, long), other) for row in _vectors(builder, arguments[0])]
        return _group(builder, [builder.trunc(builder.lshr(row, half), _VECTORS["uint32"]) for row in products])

    return a(a, types.uint32), build


@_gives_bits
def bits_of(_: Any, a: Any) -> Any:
    """`bits_of(a) -> Bits`: how its floats are written."""
    return _converted("bitcast", a, "uint32")


@_gives_floats
def floats_of(_: Any, a: Any) -> Any:
    """`floats_of(a) -> Floats`: the floats that are written so."""
    return _converted("bitcast", a, "float32")


@_gives_floats
def to_floats(_: Any, a: Any) -> Any:
    """`to_floats(a) -> Floats`: the nearest float to each lane as a signed integer."""
    return _converted("sitofp", a, "float32")


def _converted(instruction: str, a: Any, kind: str) -> Any:
    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        rows = _vectors(builder, arguments[0])
        return _group(builder, [getattr(builder, instruction)(row, _VECTORS[kind]) for row in rows])

    return _Group(kind, a.vectors)(a), build


def _compared(comparison: str, a: Any, b: Any) -> Any:
    group = _same_group([operand for operand in (a, b) if isinstance(operand, _Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = (_operand(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        return _group(
            builder,
            [
                builder.select(builder.fcmp_ordered(comparison, row, other), row, other)
                for row, other in zip(left, right)
            ],
        )

    return group(a, b), build


def _instruction(builder: Any, name: str, operands: int) -> Any:
    vector = _VECTORS["float32"]
    type_ = ir.FunctionType(vector, [vector] * operands)
    return cgutils.get_or_insert_function(builder.module, type_, f"{name}.v{LANES}f32")


def _address(builder: Any, memory: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(memory, [index]), ir.PointerType(_VECTORS["float32"]))


def _vectors(builder: Any, group: Any) -> list[Any]:
    return [builder.extract_value(group, place) for place in range(group.type.count)]


def _group(builder: Any, vectors: list[Any]) -> Any:
    group = ir.Constant(ir.ArrayType(vectors[0].type, len(vectors)), ir.Undefined)
    for place, vector in enumerate(vectors):
        group = builder.insert_value(group, vector, place)
    return group


def _splat(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, value, _INTEGER(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_VECTORS["uint32"], [0] * LANES))


def _operand(context: Any, builder: Any, type_: Any, value: Any, group: _Group) -> list[Any]:
    """The vectors of a group, or a number as such vectors."""
    if isinstance(type_, _Group):
        return _vectors(builder, value)
    number = types.float32 if group.kind == "float32" else types.uint32
    return [_splat(builder, context.cast(builder, value, type_, number))] * group.vectors


def _same_group(groups: list[Any]) -> _Group:
    assert len(set(groups)) == 1, f"groups of one kind and size, not {groups}"
    return cast(_Group, groups[0])


def _arithmetic(python_operator: Callable[..., Any], instructions: Mapping[str, str]) -> None:
    class Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, operands: Any, _: Any) -> Any:
            groups = [operand for operand in operands if isinstance(operand, _Group)]
            numbers = [operand for operand in operands if isinstance(operand, types.Number)]
            if not groups or len(groups) + len(numbers) < len(operands) or groups[0].kind not in instructions:
                return None
            return signature(_same_group(groups), *operands)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        group = signature.return_type
        left, right = (_operand(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        compute = getattr(builder, instructions[group.kind])
        return _group(builder, [compute(row, other) for row, other in zip(left, right)])

    infer_global(python_operator)(Typing)
    for operands in ((_Group, _Group), (_Group, types.Number), (types.Number, _Group)):
        extending.lower_builtin(python_operator, *operands)(build)


_arithmetic(operator.add, {"float32": "fadd", "uint32": "add"})
_arithmetic(operator.sub, {"float32": "fsub", "uint32": "sub"})
_arithmetic(operator.mul, {"float32": "fmul", "uint32": "mul"})
_arithmetic(operator.truediv, {"float32": "fdiv"})
_arithmetic(operator.xor, {"uint32": "xor"})
_arithmetic(operator.and_, {"uint32": "and_"})
_arithmetic(operator.lshift, {"uint32": "shl"})
_arithmetic(operator.rshift, {"uint32": "lshr"})
