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

MOST_BYTES = 2**30  # of a file; the larger one of those seen has 1 MB
PREFIX = "arg:"  # of a parameter's name; what is called aux: is another kind of state
_LIST, _ARRAY = 0x112, 0xF993FAC9
_DENSE, _FLOAT32 = 0, 0  # the storage type and the type of the numbers
_MOST_DIMENSIONS = 8
_MOST_ARRAYS = 10_000  # a layer has four


def read_arrays(content: bytes) -> Mapping[str, Floats]:
    """The arrays by name, without the names' prefix. Raises `InvalidData`.

    Nothing is allocated beyond the content itself and one object for each array in it.
    """
    reader = _Reader(content)
    if reader.number("Q", "the list's mark") != _LIST or reader.number("Q", "a reserved number") != 0:
        raise InvalidData("expected a list of MXNet's arrays, which begins with 0x112 and 0.")
    count = reader.count("the number of arrays", least_bytes=28)
    if count > _MOST_ARRAYS:
        raise InvalidData(f"expected at most {_MOST_ARRAYS} arrays, got {count}.")
    arrays = [_array(reader, number) for number in range(count)]
    if reader.number("Q", "the number of names") != count:
        raise InvalidData(f"expected a name for each of {count} arrays.")
    named: dict[str, Floats] = {}
    for number, array in enumerate(arrays):
        name = _name(reader, number)
        if name in named:
            raise InvalidData(f"two arrays have the name {name:.40}.")
        named[name] = array
    if reader.left:
        raise InvalidData(f"expected the end after the last name, got {reader.left} bytes more.")
    return named


def _array(reader: "_Reader", number: int) -> Floats:
    place = f"array {number}"
    if (mark := reader.number("I", f"the mark of {place}")) != _ARRAY:
        raise InvalidData(f"{place}: expected the mark {_ARRAY:#x}, got {mark:#x}.")
    if (storage := reader.number("i", f"the storage type of {place}")) != _DENSE:
        raise InvalidData(f"{place}: expected a dense array, storage type {_DENSE}, got {storage}.")
    dimensions = reader.number("I", f"the number of dimensions of {place}")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise InvalidData(f"{place}: expected 1 to {_MOST_DIMENSIONS} dimensions, got {dimensions}.")
    shape = [reader.number("q", f"a dimension of {place}") for _ in range(dimensions)]
    for name in ("type", "number"):
        reader.number("i", f"the device {name} of {place}")  # where it was trained; of no matter here
    if (kind := reader.number("i", f"the number type of {place}")) != _FLOAT32:
        raise InvalidData(f"{place}: expected float32, number type {_FLOAT32}, got {kind}.")
    size, most = 1, reader.left // 4
    for length in shape:
        if length < 1 or (size := size * length) > most:
            written = " × ".join(map(str, shape))
            raise InvalidData(f"{place}: expected a shape that fits the {4 * most} bytes left, got {written}.")
    return np.frombuffer(reader.take(4 * size, place), "<f4").astype(np.float32, copy=False).reshape(shape)


def _name(reader: "_Reader", number: int) -> str:
    length = reader.count(f"the length of name {number}", least_bytes=1)
    try:
        name = str(reader.take(length, f"name {number}"), "utf-8")
    except UnicodeDecodeError:
        raise InvalidData(f"name {number}: expected UTF-8.") from None
    if not name.startswith(PREFIX):
        raise InvalidData(f"name {number}: expected it to begin with {PREFIX}, got {name[:40]!r}.")
    return name.removeprefix(PREFIX)


class _Reader:
    """Bytes, read from the front; whatever asks for more than are left is refused."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int, what: str) -> memoryview:
        if count > self.left:
            raise InvalidData(f"expected {count} bytes for {what} at byte {self._at}, got {self.left}: incomplete.")
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self, form: str, what: str) -> int:
        value: int
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what))
        return value

    def count(self, what: str, least_bytes: int) -> int:
        """A number of things that take at least so many bytes each."""
        value = self.number("Q", what)
        if value > self.left // least_bytes:
            raise InvalidData(f"expected {what} to fit the {self.left} bytes left, got {value}.")
        return value
