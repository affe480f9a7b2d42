"""Functions of groups: several vectors of eight 32-bit lanes as one value of compiled kernels.

Arithmetic on a group is two or three independent chains of instructions, one for each vector, which a core executes in
parallel; a single chain would wait for its own results. The lanes of +, −, × and / are rounded as in IEEE 754; `fma` is
rounded once if the CPU has such an instruction.

A group's size is part of its type. Kernels that are compiled for several sizes take it as an argument: a tuple with one
zero for each vector.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

from forecastle.kernels.group import (
    INTEGER,
    VECTORS,
    Group,
    common_group,
    compared,
    converted,
    grouped,
    instruction_of,
    of_each,
    operand_vectors,
    splat,
    vectors_of,
)
from forecastle.kernels.group import LANES as LANES
from forecastle.kernels.group import Bits as Bits
from forecastle.kernels.group import Floats as Floats
from forecastle.kernels.pointer import address

Size = tuple[int, ...]
SIZES: dict[int, Size] = {1: (0,), 2: (0, 0), 3: (0, 0, 0)}  # 12 sums of three and their factors fill 16 registers

_FLOATS = VECTORS["float32"]
_BYTES = 4  # alignment: vectors may start at any number
_LINE = 64


def aligned(*shape: int) -> npt.NDArray[np.float32]:
    """An uninitialized array that begins at a cache line, so that no vector in it crosses a line."""
    spare = _LINE // _BYTES
    memory = np.empty(math.prod(shape) + spare, np.float32)
    first = -(memory.ctypes.data // _BYTES) % spare
    return memory[first : first + math.prod(shape)].reshape(shape)


# Intrinsics, by their return type for type checkers.
_gives_floats = cast(Callable[[Callable[..., Any]], Callable[..., Floats]], extending.intrinsic)
_gives_bits = cast(Callable[[Callable[..., Any]], Callable[..., Bits]], extending.intrinsic)
_gives_either = cast(Callable[[Callable[..., Any]], Callable[..., Any]], extending.intrinsic)


@_gives_floats
def load(_: Any, memory: Any, index: Any, size: Any) -> Any:  # noqa: ARG001
    """`load(memory, index, size) -> Floats`: the numbers of a `memory` from `index` on."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        first = address(context, builder, memory, arguments[0], arguments[1], _FLOATS)
        places = (builder.gep(first, [INTEGER(place)], source_etype=_FLOATS) for place in range(size.count))
        return grouped(builder, [builder.load(place, align=_BYTES, typ=_FLOATS) for place in places])

    return Group("float32", size.count)(memory, types.intp, size), build


@_gives_either
def store(_: Any, memory: Any, index: Any, group: Any) -> Any:  # noqa: ARG001
    """`store(memory, index, group)`: write a group to a `memory` from `index` on."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        first = address(context, builder, memory, arguments[0], arguments[1], _FLOATS)
        for place, vector in enumerate(vectors_of(builder, arguments[2])):
            builder.store(vector, builder.gep(first, [INTEGER(place)], source_etype=_FLOATS), align=_BYTES)
        return context.get_dummy_value()

    return types.void(memory, types.intp, group), build


@_gives_either
def fetch(_: Any, memory: Any, index: Any, to_write: Any) -> Any:  # noqa: ARG001
    """`fetch(memory, index, to_write)`: prefetch the cache line of a number, to read or `to_write` it, a constant."""
    if not isinstance(to_write, types.Literal):
        return None

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        place = address(context, builder, memory, arguments[0], arguments[1], ir.IntType(8))
        type_ = ir.FunctionType(ir.VoidType(), [place.type, INTEGER, INTEGER, INTEGER])
        function = cgutils.get_or_insert_function(builder.module, type_, "llvm.prefetch.p0")
        builder.call(function, [place, INTEGER(to_write.literal_value), INTEGER(3), INTEGER(1)])
        return context.get_dummy_value()

    return types.void(memory, types.intp, to_write), build


@_gives_either
def turn(_: Any, source: Any, index: Any, step: Any, target: Any, place: Any, stride: Any) -> Any:  # noqa: ARG001
    """`turn(source, index, step, target, place, stride)`: transpose eight rows of eight floats.

    Row i is at source[index + i·step]; its column j is written to target[place + j·stride + i].
    """

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        read, index, step, written, place, stride = arguments
        rows = []
        for _ in range(LANES):
            row = address(context, builder, source, read, index, _FLOATS)
            rows.append(builder.load(row, align=_BYTES, typ=_FLOATS))
            index = builder.add(index, step)
        for distance in (4, 2, 1):  # of the halves, quarters and lanes that are exchanged
            low = [lane + (LANES - distance if lane & distance else 0) for lane in range(LANES)]
            high = [lane + distance for lane in low]
            masks = [ir.Constant(VECTORS["uint32"], order) for order in (low, high)]
            upper = [number for number in range(LANES) if not number & distance]
            for number in upper:
                pair = rows[number], rows[number + distance]
                rows[number], rows[number + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for number, row in enumerate(rows):
            builder.store(row, address(context, builder, target, written, place, _FLOATS), align=_BYTES)
            if number + 1 < LANES:
                place = builder.add(place, stride)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), build


@_gives_either
def spread(_: Any, value: Any, size: Any) -> Any:
    """`spread(value, size) -> Floats | Bits`: the same number, float32 or uint32, in all lanes."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return grouped(builder, [splat(builder, arguments[0])] * size.count)

    number = types.float32 if isinstance(value, types.Float) else types.uint32
    return Group(number.name, size.count)(number, size), build


@_gives_bits
def count_up(_: Any, first: Any, size: Any) -> Any:  # noqa: ARG001
    """`count_up(first, size) -> Bits`: first, first + 1, first + 2 …"""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        start = splat(builder, arguments[0])
        places = (range(vector * LANES, (vector + 1) * LANES) for vector in range(size.count))
        return grouped(builder, [builder.add(start, ir.Constant(VECTORS["uint32"], list(row))) for row in places])

    return Group("uint32", size.count)(types.uint32, size), build


@_gives_floats
def fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """`fma(a, b, c) -> Floats`: a·b + c. Up to two of the groups may be numbers."""
    group = common_group([operand for operand in (a, b, c) if isinstance(operand, Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = instruction_of(builder, "llvm.fmuladd", 3)
        operands = [operand_vectors(context, builder, *pair, group) for pair in zip(signature.args, arguments)]
        return grouped(builder, [builder.call(function, row) for row in zip(*operands)])

    return group(a, b, c), build


@_gives_floats
def minimum(_: Any, a: Any, b: Any) -> Any:
    """`minimum(a, b) -> Floats`: the smaller of each pair of lanes; `b` if one of them is NaN."""
    return compared("<", a, b)


@_gives_floats
def maximum(_: Any, a: Any, b: Any) -> Any:
    """`maximum(a, b) -> Floats`: the larger of each pair of lanes; `b` if one of them is NaN."""
    return compared(">", a, b)


@_gives_floats
def square_root(_: Any, a: Any) -> Any:
    """`square_root(a) -> Floats`."""
    return a(a), of_each("llvm.sqrt")


@_gives_floats
def absolute(_: Any, a: Any) -> Any:
    """`absolute(a) -> Floats`."""
    return a(a), of_each("llvm.fabs")


@_gives_bits
def exceeds(_: Any, a: Any, b: Any) -> Any:
    """`exceeds(a, b) -> Bits`: all bits set in the lanes where a > b, none in the others."""
    group = common_group([operand for operand in (a, b) if isinstance(operand, Group)])

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = (operand_vectors(context, builder, *pair, group) for pair in zip(signature.args, arguments))
        rows = (builder.fcmp_ordered(">", row, other) for row, other in zip(left, right))
        return grouped(builder, [builder.sext(row, VECTORS["uint32"]) for row in rows])

    return Group("uint32", group.vectors)(a, b), build


@_gives_floats
def choose(_: Any, bits: Any, a: Any, b: Any) -> Any:
    """`choose(bits, a, b) -> Floats`: `a` in the lanes that have a bit set, else `b`; either may be a number."""
    group = Group("float32", bits.vectors)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nothing = ir.Constant(VECTORS["uint32"], [0] * LANES)
        operands = [operand_vectors(context, builder, *pair, group) for pair in zip(signature.args[1:], arguments[1:])]
        rows = zip(vectors_of(builder, arguments[0]), *operands)
        return grouped(
            builder, [builder.select(builder.icmp_unsigned("!=", row, nothing), *others) for row, *others in rows]
        )

    return group(bits, a, b), build


@_gives_bits
def within(_: Any, first: Any, stop: Any, size: Any) -> Any:  # noqa: ARG001
    """`within(first, stop, size) -> Bits`: all bits set in the lanes [first, stop), none in the others."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        low, high = (splat(builder, builder.trunc(edge, INTEGER)) for edge in arguments[:2])
        rows = []
        for vector in range(size.count):
            lane = ir.Constant(VECTORS["uint32"], list(range(vector * LANES, (vector + 1) * LANES)))
            inside = builder.and_(builder.icmp_signed(">=", lane, low), builder.icmp_signed("<", lane, high))
            rows.append(builder.sext(inside, VECTORS["uint32"]))
        return grouped(builder, rows)

    return Group("uint32", size.count)(types.intp, types.intp, size), build


@_gives_bits
def high_product(_: Any, a: Any, factor: Any) -> Any:  # noqa: ARG001
    """`high_product(a, factor) -> Bits`: the upper 32 bits of each lane's product with a uint32."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        long = ir.VectorType(ir.IntType(64), LANES)
        half = ir.Constant(long, [32] * LANES)
        other = builder.zext(splat(builder, arguments[1]), long)
        products = [builder.mul(builder.zext(row, long), other) for row in vectors_of(builder, arguments[0])]
        return grouped(builder, [builder.trunc(builder.lshr(row, half), VECTORS["uint32"]) for row in products])

    return a(a, types.uint32), build


@_gives_bits
def bits_of(_: Any, a: Any) -> Any:
    """`bits_of(a) -> Bits`: the bits of floats."""
    return converted("bitcast", a, "uint32")


@_gives_floats
def floats_of(_: Any, a: Any) -> Any:
    """`floats_of(a) -> Floats`: the floats with these bits."""
    return converted("bitcast", a, "float32")


@_gives_floats
def to_floats(_: Any, a: Any) -> Any:
    """`to_floats(a) -> Floats`: the nearest float to each lane as a signed integer."""
    return converted("sitofp", a, "float32")
