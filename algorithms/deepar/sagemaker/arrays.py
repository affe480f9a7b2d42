"""MXNet's list of named arrays, `*.params`, read without MXNet.

    u64 0x112, u64 0, u64 n
    n arrays   u32 0xF993FAC9, i32 storage type, u32 ndim, i64 each dimension, i32 device type, i32 device number,
               i32 type of the numbers, the numbers in C order
    u64 n
    n names    u64 length, UTF-8

All little-endian. Source: `NDArray::Save` in MXNet 1.x, src/ndarray/ndarray.cc.
"""

import struct
from collections.abc import Mapping

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Place

MOST_BYTES = 2**30  # of a file; the largest one known has 1 MB
PREFIX = "arg:"  # of a parameter's name; the prefix aux: is for other state
_LIST, _ARRAY = 0x112, 0xF993FAC9
_DENSE, _FLOAT32 = 0, 0  # the storage type and the type of the numbers
_MOST_DIMENSIONS = 8
_MOST_ARRAYS = 10_000  # a layer has four


def read_arrays(content: bytes) -> Mapping[str, Floats]:
    """The arrays by name, without the names' prefix. Raises `InvalidData`.

    Nothing is allocated beyond the content itself and one object for each array in it.
    """
    reader = _Reader(content)
    if reader.number("Q", "the magic number of the list") != _LIST or reader.number("Q", "a reserved number") != 0:
        raise InvalidData(expected="a list of MXNet's arrays, which begins with 0x112 and 0")
    count = reader.count("a number of arrays", least_bytes=28)
    if count > _MOST_ARRAYS:
        raise InvalidData(expected=f"at most {_MOST_ARRAYS} arrays", got=str(count))
    arrays = [_array(reader, number) for number in range(count)]
    if reader.number("Q", "a number of names") != count:
        raise InvalidData(expected=f"a name for each of {count} arrays")
    named: dict[str, Floats] = {}
    for number, array in enumerate(arrays):
        name = _name(reader, number)
        if name in named:
            raise InvalidData(f"two arrays have the name {name:.40}.")
        named[name] = array
    if reader.left:
        raise InvalidData(expected="the end after the last name", got=f"{reader.left} more bytes")
    return named


def _array(reader: "_Reader", number: int) -> Floats:
    place: Place = (At("array", number),)
    if (magic := reader.number("I", "a magic number", place)) != _ARRAY:
        raise InvalidData(place=place, expected=f"the magic number {_ARRAY:#x}", got=f"{magic:#x}")
    if (storage := reader.number("i", "a storage type", place)) != _DENSE:
        raise InvalidData(place=place, expected=f"a dense array, storage type {_DENSE}", got=str(storage))
    dimensions = reader.number("I", "a number of dimensions", place)
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise InvalidData(place=place, expected=f"1 to {_MOST_DIMENSIONS} dimensions", got=str(dimensions))
    shape = [reader.number("q", "a dimension", place) for _ in range(dimensions)]
    for name in ("type", "number"):
        reader.number("i", f"a device {name}", place)  # of the training; ignored
    if (kind := reader.number("i", "a number type", place)) != _FLOAT32:
        raise InvalidData(place=place, expected=f"float32, number type {_FLOAT32}", got=str(kind))
    size, most = 1, reader.left // 4
    for length in shape:
        if length < 1 or (size := size * length) > most:
            written = " × ".join(map(str, shape))
            expected = f"a shape that fits the remaining {4 * most} bytes"
            raise InvalidData(place=place, expected=expected, got=written)
    return (
        np.frombuffer(reader.take(4 * size, "the numbers", place), "<f4").astype(np.float32, copy=False).reshape(shape)
    )


def _name(reader: "_Reader", number: int) -> str:
    place = (At("name", number),)
    length = reader.count("a length", 1, place)
    try:
        name = str(reader.take(length, "a name", place), "utf-8")
    except UnicodeDecodeError:
        raise InvalidData(place=place, expected="UTF-8") from None
    if not name.startswith(PREFIX):
        raise InvalidData(place=place, expected=f"a name that begins with {PREFIX}", got=f"{name[:40]!r}")
    return name.removeprefix(PREFIX)


class _Reader:
    """Bytes, read from the front. Raises `InvalidData` if there are too few; `what` is expected at `place`."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int, what: str, place: Place = ()) -> memoryview:
        if count > self.left:
            raise InvalidData(
                place=(*place, At("byte", self._at)),
                expected=f"{count} bytes for {what}",
                got=f"{self.left}: the file is incomplete",
            )
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self, form: str, what: str, place: Place = ()) -> int:
        """A number in one of `struct`'s formats."""
        value: int
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what, place))
        return value

    def count(self, what: str, least_bytes: int, place: Place = ()) -> int:
        """A number of items that take at least `least_bytes` each."""
        value = self.number("Q", what, place)
        if value > self.left // least_bytes:
            expected = f"{what} that fits the remaining {self.left} bytes"
            raise InvalidData(place=place, expected=expected, got=str(value))
        return value
