"""Pointers to arrays' elements in compiled kernels, without a length and without an owner.

Passing an array to a kernel increments and decrements its reference count atomically, which takes longer than a
kernel for a few numbers. Nothing checks an index: it must be in range and not negative, and the array must outlive its
pointer.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending
from numba.core import types

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
intrinsic = cast(_Decorator, extending.intrinsic)


@intrinsic
def memory(_: Any, values: Any) -> Any:
    """`memory(values)`: the pointer to a contiguous array's elements, as one flat array; of a pointer, itself."""
    if isinstance(values, types.CPointer):  # type: ignore[attr-defined]
        return values(values), lambda _, __, ___, arguments: arguments[0]

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(values.dtype)(values), build  # type: ignore[attr-defined]


def address(context: Any, builder: Any, pointer_type: Any, pointer: Any, index: Any, value_type: Any) -> Any:
    """In an intrinsic: the address of element `index`, to load or store an LLVM value of `value_type` there.

    It works with LLVM's opaque pointers and with typed ones, which numba still uses and llvmlite has deprecated.
    """
    element = context.get_data_type(pointer_type.dtype)
    place = builder.gep(pointer, [index], source_etype=element)
    typed = not getattr(place.type, "is_opaque", True)
    return builder.bitcast(place, ir.PointerType(value_type)) if typed else place
