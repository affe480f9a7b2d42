"""Words: eight bytes of text at once, and their bits, in compiled kernels."""

from typing import Any

from llvmlite import ir
from numba.core import types

from forecastle.kernels.pointer import address, intrinsic

_WORD = ir.IntType(64)


@intrinsic
def load_word(_: Any, text: Any, index: Any) -> Any:  # noqa: ARG001
    """`load_word(text, index) -> np.uint64`: eight bytes of a `memory` of bytes, the first one lowest."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.load(address(context, builder, text, arguments[0], arguments[1], _WORD), align=1, typ=_WORD)

    return types.uint64(text, types.intp), build


@intrinsic
def store_word(_: Any, text: Any, index: Any, word: Any) -> Any:  # noqa: ARG001
    """`store_word(text, index, word)`: write eight bytes to a `memory` of bytes, the lowest one first."""

    def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        builder.store(arguments[2], address(context, builder, text, arguments[0], arguments[1], _WORD), align=1)
        return context.get_dummy_value()

    return types.void(text, types.intp, types.uint64), build


@intrinsic
def leading_zeros(_: Any, word: Any) -> Any:  # noqa: ARG001
    """`leading_zeros(word) -> int`: the number of its highest bits that are 0; 64 for 0."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), build


@intrinsic
def trailing_zeros(_: Any, word: Any) -> Any:  # noqa: ARG001
    """`trailing_zeros(word) -> int`: the number of its lowest bits that are 0; 64 for 0."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), build
