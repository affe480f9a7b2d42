"""Functions of tiles: eight rows of numbers as (columns, 8), so that a vector has one column of all eight."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending
from numba.core import types

from forecastle.kernels.group import INTEGER, LANES, VECTORS, Floats, Group, grouped
from forecastle.kernels.pointer import address

_FLOATS = VECTORS["float32"]
_BYTES = 4  # alignment: vectors may start at any number

_gives_floats = cast(Callable[[Callable[..., Any]], Callable[..., Floats]], extending.intrinsic)
_gives_nothing = cast(Callable[[Callable[..., Any]], Callable[..., Any]], extending.intrinsic)


@_gives_floats
def load_each(_: Any, memory: Any, index: Any, step: Any, size: Any) -> Any:  # noqa: ARG001
    """`load_each(memory, index, step, size) -> Floats`: a vector each of memory[index], memory[index + step], …"""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        pointer, place, step, _ = arguments
        vectors = []
        for _ in range(size.count):
            first = address(context, builder, memory, pointer, place, _FLOATS)
            vectors.append(builder.load(first, align=_BYTES, typ=_FLOATS))
            place = builder.add(place, step)
        return grouped(builder, vectors)

    return Group("float32", size.count)(memory, types.intp, types.intp, size), build


@_gives_nothing
def tile_rows(_: Any, rows: Any, width: Any, order: Any, first: Any, column: Any, tile: Any, place: Any) -> Any:  # noqa: ARG001
    """`tile_rows(rows, width, order, first, column, tile, place)`: eight columns of eight rows as part of a tile.

    Row i is at rows[order[first + i]·width], `order` of int32; its column `column` + j is written to
    tile[place + 8·j + i].
    """

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        read, width, numbers, first, column, written, place = arguments
        vectors = []
        for lane in range(LANES):
            number = address(context, builder, order, numbers, builder.add(first, first.type(lane)), INTEGER)
            row = builder.sext(builder.load(number, align=_BYTES, typ=INTEGER), first.type)
            start = builder.add(builder.mul(row, width), column)
            vectors.append(
                builder.load(address(context, builder, rows, read, start, _FLOATS), align=_BYTES, typ=_FLOATS)
            )
        for number, vector in enumerate(transposed(builder, vectors)):
            target = builder.add(place, place.type(number * LANES))
            builder.store(vector, address(context, builder, tile, written, target, _FLOATS), align=_BYTES)
        return context.get_dummy_value()

    return types.void(rows, types.intp, order, types.intp, types.intp, tile, types.intp), build


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of eight vectors, as LLVM values."""
    for distance in (4, 2, 1):  # of the halves, quarters and lanes that are exchanged
        low = [lane + (LANES - distance if lane & distance else 0) for lane in range(LANES)]
        high = [lane + distance for lane in low]
        masks = [ir.Constant(VECTORS["uint32"], order) for order in (low, high)]
        for number in [number for number in range(LANES) if not number & distance]:
            pair = rows[number], rows[number + distance]
            rows[number], rows[number + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
    return rows
