"""Pointers to an array's elements."""

from typing import Any

import numba
import numpy as np
import pytest
from llvmlite import ir
from numba import extending
from numba.core import types
from numpy.typing import NDArray

from forecastle.kernels.compiled import kernel
from forecastle.kernels.pointer import address, memory


@kernel
def _third(values: NDArray[np.float32]) -> float:
    return float(memory(values)[2])


def test_memory_is_indexed_by_element() -> None:
    assert _third(np.array([1.5, 2.5, 3.5], np.float32)) == 3.5


@pytest.mark.parametrize("opaque", [False, True])
def test_an_address_is_found_by_an_opaque_pointer_as_by_a_typed_one(opaque: bool) -> None:
    @extending.intrinsic  # type: ignore[untyped-decorator]
    def bits_at(_: Any, pointer: Any, index: Any) -> Any:  # noqa: ARG001
        def build(context: Any, builder: Any, ___: Any, arguments: Any) -> Any:
            start = arguments[0]
            if opaque:
                word = ir.IntType(64)
                start = builder.inttoptr(builder.ptrtoint(start, word), ir.PointerType())
            place = address(context, builder, pointer, start, arguments[1], ir.IntType(32))
            return builder.load(place, typ=ir.IntType(32))

        return types.uint32(pointer, types.intp), build

    @numba.njit  # type: ignore[untyped-decorator]
    def run(values: Any, index: int) -> Any:
        return bits_at(memory(values), index)

    values = np.array([1.5, 2.5, 3.5], np.float32)
    assert run(values, 2) == values.view(np.uint32)[2]
