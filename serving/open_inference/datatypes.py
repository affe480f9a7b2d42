"""The protocol's datatypes: tensors from JSON and from bytes, and back."""

import functools
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import orjson

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
BLOCK = 2**16  # elements
TEXT = "a string of Unicode characters"  # what `utf8` expects
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
    """The elements of a tensor, flat, for orjson to write. Raises `NotAcceptable` if they are not text."""
    if tensor.dtype != object:
        flat = np.ascontiguousarray(tensor.ravel())
        parts = [orjson.dumps(flat[each], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] for each in _blocks(len(flat))]
        return orjson.Fragment(b"[" + b",".join(parts) + b"]")
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
    tensor = np.empty(len(values), DTYPES[datatype])
    read = _reader(datatype)
    for each in _blocks(len(values)):
        part = values[each]
        found = read(part)
        if found is None:
            index = next(at for at, value in enumerate(part) if read([value]) is None)
            raise InvalidData(
                place=places(each.start + index), expected=_expected(datatype), got=quotation.of_json(part[index])
            )
        tensor[each] = found
    return tensor


def _blocks(count: int) -> Iterator[slice]:
    """Parts of a list: other threads run between them, but not while a list is converted."""
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def _reader(datatype: str) -> Callable[[list[Any]], Any]:
    """A function that converts some elements, or returns None if one is not of the datatype."""
    if datatype == BYTES:
        return _texts
    if datatype == BOOL:
        return lambda values: values if _are(values, {bool}) else None
    dtype = DTYPES[datatype]
    return functools.partial(_reals if dtype.kind == "f" else _integers, dtype=dtype)


def _texts(values: list[Any]) -> Tensor | None:
    elements = [utf8(value) for value in values]
    return None if None in elements else _objects(elements)


def utf8(value: Any) -> bytes | None:
    """The bytes of a text; None of anything else, half of a surrogate pair among it, which JSON can spell."""
    try:
        return value.encode() if isinstance(value, str) else None
    except UnicodeEncodeError:
        return None


def _reals(values: list[Any], dtype: "np.dtype[Any]") -> Tensor | None:
    if not _are(values, {int, float}):
        return None
    with np.errstate(over="ignore"):
        numbers: Tensor = np.array(values, np.float64).astype(dtype)
    return numbers if np.isfinite(numbers).all() else None


def _integers(values: list[Any], dtype: "np.dtype[Any]") -> Tensor | None:
    limits = np.iinfo(dtype)
    if not (_are(values, {int}) and limits.min <= min(values) and max(values) <= limits.max):
        return None
    return np.array(values, dtype)


def _are(values: list[Any], kinds: set[type]) -> bool:
    return set(map(type, values)) <= kinds


def _expected(datatype: str) -> str:
    kind = DTYPES[datatype].kind
    if kind in "iu":
        limits = np.iinfo(DTYPES[datatype])
        return f"a whole number from {limits.min} to {limits.max}"
    return {"f": f"a number in the range of {datatype}", "b": "true or false", "O": TEXT}[kind]


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


def _objects(elements: Sequence[bytes | None]) -> Tensor:
    tensor = np.empty(len(elements), object)
    tensor[:] = elements
    return tensor
