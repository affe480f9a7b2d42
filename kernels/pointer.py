"""An array's memory as compiled kernels see it that are called for every few numbers: no length, no owner.

Passing an array counts a reference up and down, atomically, which costs more than such a kernel does. Nobody checks an
index here: it must be in range and not negative, and the array must outlive its memory.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending
from numba.core import types

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
intrinsic = cast(_Decorator, extending.intrinsic)
_WORD = ir.IntType(64)


@intrinsic
def memory(_: Any, values: Any) -> Any:
    """`memory(values)`: the elements of a contiguous array as one flat array; of a `memory`, itself."""
    if isinstance(values, types.CPointer):  # type: ignore[attr-defined]
        return values(values), lambda _, __, ___, arguments: arguments[0]

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(values.dtype)(values), build  # type: ignore[attr-defined]


@intrinsic
def load_word(_: Any, text: Any, index: Any) -> Any:  # noqa: ARG001
    """`load_word(text, index) -> np.uint64`: eight bytes of a `memory` of bytes, the first one lowest."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.load(_word_at(builder, *arguments), align=1, typ=_WORD)

    return types.uint64(text, types.intp), build


@intrinsic
def store_word(_: Any, text: Any, index: Any, word: Any) -> Any:  # noqa: ARG001
    """`store_word(text, index, word)`: write eight bytes to a `memory` of bytes, the lowest one first."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _word_at(builder, *arguments[:2]), align=1)
        return context.get_dummy_value()

    return types.void(text, types.intp, types.uint64), build


@intrinsic
def leading_zeros(_: Any, word: Any) -> Any:  # noqa: ARG001
    """`leading_zeros(word) -> int`: how many of its highest bits are 0; 64 where all are."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), build


@intrinsic
def trailing_zeros(_: Any, word: Any) -> Any:  # noqa: ARG001
    """`trailing_zeros(word) -> int`: how many of its lowest bits are 0; 64 where all are."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), build


def _word_at(builder: Any, text: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(text, [index]), ir.PointerType(_WORD))
