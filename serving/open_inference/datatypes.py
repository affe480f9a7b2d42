"""The protocol's datatypes: tensors from JSON and from bytes, and back."""

import struct
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from forecastle.algorithms.tensors import Tensor
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, NotAcceptable
from forecastle.contract.place import Place

BYTES, BOOL = "BYTES", "BOOL"
DTYPES = {
    BOOL: np.dtype(np.bool_),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    BYTES: np.dtype(object),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")  # of an element of BYTES, before it

Shape = tuple[int, ...]


def name_of(tensor: Tensor) -> str:
    """The datatype of a tensor."""
    return _NAMES[tensor.dtype.newbyteorder("<")]


def from_json(data: Any, datatype: str, shape: Shape, place: Place) -> Tensor:
    """A tensor from its elements in JSON, nested or flat, in row-major order. Raises `InvalidData` with the place."""
    if not isinstance(data, list):
        raise InvalidData(place=place, expected="a list", got=quotation.of_json(data))
    is_nested = bool(data) and isinstance(data[0], list)
    values = _flat(data, shape, place) if is_nested else data
    wanted = prod(shape)
    if len(values) != wanted:
        raise InvalidData(place=place, expected=f"{wanted} elements, as the shape says", got=str(len(values)))
    return _typed(values, datatype, _Places(place, shape, is_nested)).reshape(shape)


def from_bytes(data: memoryview, datatype: str, shape: Shape, place: Place) -> Tensor:
    """A tensor from the bytes of its elements, in row-major order. Raises `InvalidData`."""
    wanted = prod(shape)
    if datatype == BYTES:
        return _elements(data, wanted, place).reshape(shape)
    dtype = DTYPES[datatype]
    if len(data) != wanted * dtype.itemsize:
        expected = f"{wanted * dtype.itemsize} bytes, as shape and datatype say"
        raise InvalidData(place=place, expected=expected, got=str(len(data)))
    return np.frombuffer(data, dtype).reshape(shape)


def as_json(tensor: Tensor, place: Place) -> Any:
    """The elements of a tensor, flat, as orjson writes them. Raises `NotAcceptable` if they are not text."""
    if tensor.dtype != object:
        return np.ascontiguousarray(tensor.ravel())
    try:
        return [element.decode() for element in tensor.ravel().tolist()]
    except UnicodeDecodeError:
        hint = "ask for it with the parameter binary_data"
        raise NotAcceptable(place=place, expected="text in UTF-8", got="other bytes", hint=hint) from None


def as_bytes(tensor: Tensor) -> bytes:
    """The bytes of a tensor's elements."""
    if tensor.dtype != object:
        return tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes()
    return b"".join(part for element in tensor.ravel().tolist() for part in (_LENGTH.pack(len(element)), element))


class _Places:
    """The place of each element of a tensor at `place`, as the client has written them."""

    def __init__(self, place: Place, shape: Shape, is_nested: bool) -> None:
        self._place, self._shape, self._is_nested = place, shape, is_nested

    def __call__(self, index: int) -> Place:
        if not self._is_nested:
            return (*self._place, index)
        return (*self._place, *(int(part) for part in np.unravel_index(index, self._shape)))


def _flat(data: list[Any], shape: Shape, place: Place) -> list[Any]:
    """The elements of nested lists, whose lengths must be those of `shape`."""
    level: list[Any] = [data]
    for depth, length in enumerate(shape):
        for index, each in enumerate(level):
            if not isinstance(each, list) or len(each) != length:
                got = str(len(each)) if isinstance(each, list) else quotation.of_json(each)
                where = [int(part) for part in np.unravel_index(index, shape[:depth])] if depth else []
                expected = f"a list of {length}, as the shape says"
                raise InvalidData(place=(*place, *where), expected=expected, got=got)
        level = list(chain.from_iterable(level))
    return level


def _typed(values: list[Any], datatype: str, places: _Places) -> Tensor:
    """The elements, (n,), of a datatype. Raises `InvalidData` for one that is not."""
    if datatype == BYTES:
        _require(values, (str,), "a string", places)
        return _objects([value.encode() for value in values])
    if datatype == BOOL:
        _require(values, (bool,), "true or false", places)
        return np.array(values, np.bool_)
    dtype = DTYPES[datatype]
    if dtype.kind == "f":
        _require(values, (int, float), "a number", places)
        with np.errstate(over="ignore"):
            numbers = np.array(values, np.float64).astype(dtype)
        if not np.isfinite(numbers).all():
            index = int(np.argmin(np.isfinite(numbers)))
            expected, got = f"a number in the range of {datatype}", quotation.of_json(values[index])
            raise InvalidData(place=places(index), expected=expected, got=got)
        return numbers
    _require(values, (int,), "a whole number", places)
    limits = np.iinfo(dtype)
    if values and not (limits.min <= min(values) and max(values) <= limits.max):
        index = next(at for at, value in enumerate(values) if not limits.min <= value <= limits.max)
        expected = f"a whole number from {limits.min} to {limits.max}"
        raise InvalidData(place=places(index), expected=expected, got=quotation.of_json(values[index]))
    return np.array(values, dtype)


def _require(values: Sequence[Any], kinds: tuple[type, ...], expected: str, places: _Places) -> None:
    if set(map(type, values)) <= set(kinds):
        return
    index = next(at for at, value in enumerate(values) if type(value) not in kinds)
    raise InvalidData(place=places(index), expected=expected, got=quotation.of_json(values[index]))


def _elements(data: memoryview, wanted: int, place: Place) -> Tensor:
    """Elements of BYTES, each after its length."""
    elements: list[bytes] = []
    at = 0
    while at < len(data):
        begin = at + _LENGTH.size
        end = begin + _LENGTH.unpack_from(data, at)[0] if begin <= len(data) else len(data) + 1
        if end > len(data):
            expected, got = "its length in four bytes, and so many bytes", "the end of the tensor"
            raise InvalidData(place=(*place, len(elements)), expected=expected, got=got)
        elements.append(bytes(data[begin:end]))
        at = end
    if len(elements) != wanted:
        raise InvalidData(place=place, expected=f"{wanted} elements, as the shape says", got=str(len(elements)))
    return _objects(elements)


def _objects(elements: list[bytes]) -> Tensor:
    tensor = np.empty(len(elements), object)
    tensor[:] = elements
    return tensor
