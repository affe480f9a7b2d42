"""RecordIO-protobuf, decoded: frames around messages `aialgs.data.Record`, each with a tensor of features."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import RECORDIO, MediaType
from forecastle.contract.place import At
from forecastle.formats import protobuf
from forecastle.formats.block import Block
from forecastle.formats.format import Format
from forecastle.formats.sparse import densify
from forecastle.kernels.compiled import kernel

MAGIC = bytes.fromhex("0a23d7ce")
_MAGIC_WORD = int.from_bytes(MAGIC, "little")
_NAME = np.frombuffer(b"values", np.uint8)
_LONGEST_RECORD = 64 << 20  # bytes; ten thousand columns, the most there may be, are far less
_DENSE_BLOCK_BYTES = 64 << 20

(
    _COMPLETE,
    _NO_MAGIC,
    _CONTINUED,
    _TOO_LONG,
    _TRUNCATED,
    _MALFORMED,
    _MISSING,
    _REPEATED,
    _NOT_NUMBERS,
    _EMPTY,
    _SHAPE,
    _COLUMNS,
    _LENGTHS,
    _KEYS,
    _WIDTH,
    _NOT_FINITE,
    _LABEL,
) = range(17)
_EXPECTED_AND_GOT = {
    _NO_MAGIC: ("a frame, which begins with 0xced7230a", "0x{0:08x}"),
    _CONTINUED: ("a frame with a whole record", "one with the continuation flag {0}"),
    _TOO_LONG: (f"a record of at most {_LONGEST_RECORD} bytes", "one of {0}"),
    _TRUNCATED: ("{0} more bytes of a frame", "the end"),
    _MALFORMED: ("a protocol buffers message", "bytes that are none"),
    _MISSING: ('a tensor under features["values"]', "none"),
    _REPEATED: ('one tensor under features["values"]', "{0}"),
    _NOT_NUMBERS: ('a tensor of numbers under features["values"]', "bytes"),
    _EMPTY: ("at least one value", "none"),
    _SHAPE: ("a shape of one number, that of the columns", "{0} numbers"),
    _COLUMNS: ("a shape from 1 to 2147483647", "{0}"),
    _LENGTHS: ("as many values as keys, or without keys as the shape says", "{0} values for {1}"),
    _KEYS: ("keys that ascend within the shape, each once", "{0} after {1}"),
    _WIDTH: ("{1} column(s)", "{0}"),
    _NOT_FINITE: ("numbers that float32 holds", "another in column {0}"),
    _LABEL: ('one finite number under label["values"]', "something else"),
}


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The records of a body as rows, with `width` columns where it is given. Labels are left out.

    Raises `InvalidData` with record and byte offset, `PayloadTooLarge` where sparse rows made dense would take more
    than `max_bytes`.
    """
    records = _decode(body, width or 0)
    records.require_complete(0, 0)
    if records.rows == 0:
        raise InvalidData(place=(At("byte", 0),), expected="a record", got="nothing")
    return Block(records.dense(0, records.rows, max_bytes), None, records.exact)


def read(chunks: Iterable[bytes]) -> Iterator[Block]:
    """The records of a file that comes in pieces. Either all of them have a label, or none.

    Raises `InvalidData` with record and byte offset, which count from the beginning of the file.
    """
    width, records_before, bytes_before, rest = 0, 0, 0, b""
    labelled: bool | None = None
    for chunk in chain(chunks, [b""]):  # what ends the file
        data = rest + chunk
        records = _decode(data, width)
        if not (chunk and records.fault == _TRUNCATED):
            records.require_complete(records_before, bytes_before)
        if records.rows:
            width = records.width
            unlabelled = np.isnan(records.labels)
            labelled = not bool(unlabelled[0]) if labelled is None else labelled
            odd = np.flatnonzero(unlabelled == labelled)
            if len(odd):
                expected, got = ("a label", "none") if labelled else ("no label", "one")
                raise InvalidData(
                    place=(At("record", records_before + int(odd[0]) + 1),),
                    expected=f"{expected}, as in the records before",
                    got=got,
                )
            step = max(1, _DENSE_BLOCK_BYTES // (4 * width))
            for first in range(0, records.rows, step):
                last = min(first + step, records.rows)
                features = records.dense(first, last, _DENSE_BLOCK_BYTES)
                yield Block(features, records.labels[first:last] if labelled else None, records.exact[first:last])
        records_before += records.rows
        bytes_before += records.position
        rest = data[records.position :]
    if records_before == 0:
        raise InvalidData(place=(At("byte", 0),), expected="a record", got="nothing")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Records:
    """What a kernel read: whole records, up to the end or a fault."""

    rows: int
    width: int
    values: NDArray[np.float32]
    keys: NDArray[np.int64] | None  # of sparse rows
    ends: NDArray[np.int64]
    labels: NDArray[np.float32]  # NaN where a record has none
    exact: NDArray[np.bool_]  # whether float32 holds all numbers of a record's features as they came
    position: int  # after the last whole record
    fault: int
    fault_position: int
    details: tuple[int, int]

    def require_complete(self, records_before: int, bytes_before: int) -> None:
        """Raise `InvalidData` where a fault was found."""
        if self.fault != _COMPLETE:
            place = (At("record", records_before + self.rows + 1), At("byte", bytes_before + self.fault_position))
            expected, got = (text.format(*self.details) for text in _EXPECTED_AND_GOT[self.fault])
            raise InvalidData(place=place, expected=expected, got=got)

    def dense(self, first: int, last: int, max_bytes: int) -> NDArray[np.float32]:
        """The rows from `first` up to `last`."""
        begin = int(self.ends[first - 1]) if first else 0
        if self.keys is None:
            return self.values[begin : self.ends[last - 1]].reshape(last - first, self.width)
        return densify(self.values, self.keys, self.ends[first:last], self.width, begin=begin, max_bytes=max_bytes)


def _decode(data: bytes, width: int) -> _Records:
    values = np.empty(len(data) + 1, np.float32)  # a value takes a byte at least, a frame eight
    keys = np.empty(len(data) + 1, np.int64)
    ends = np.empty(len(data) // 8 + 1, np.int64)
    labels = np.empty(len(ends), np.float32)
    exact = np.empty(len(ends), np.bool_)
    rows, width, sparse, position, fault, fault_position, *details = _scan(
        np.frombuffer(data, np.uint8), width, values, keys, ends, labels, exact
    )
    return _Records(
        rows=rows,
        width=width,
        values=values,
        keys=keys if sparse else None,
        ends=ends[:rows],
        labels=labels[:rows],
        exact=exact[:rows],
        position=position,
        fault=fault,
        fault_position=fault_position,
        details=(details[0], details[1]),
    )


@kernel
def _scan(
    data: NDArray[np.uint8],
    width: int,
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    ends: NDArray[np.int64],
    labels: NDArray[np.float32],
    exact: NDArray[np.bool_],
) -> tuple[int, int, bool, int, int, int, int, int]:
    """→ rows, columns, whether any is sparse, position after the last; of the fault kind, position, two details."""
    stop = len(data)
    rows, count, sparse, position = 0, 0, False, 0
    while position < stop:
        fault, detail, length = _frame(data, position, stop)
        if fault != _COMPLETE:
            return rows, width, sparse, position, fault, position, detail, 0
        fault, at, detail, other, numbers, columns, rounded = _record(
            data, position + 8, position + 8 + length, values, keys, count, labels[rows : rows + 1]
        )
        if fault == _COMPLETE and width and columns != width:
            fault, at, detail, other = _WIDTH, position + 8, columns, width
        if fault != _COMPLETE:
            return rows, width, sparse, position, fault, at, detail, other
        width = columns
        is_sparse = numbers != columns or keys[count] >= 0
        if is_sparse and not sparse:  # the rows before were dense: now they need keys, too
            sparse = True
            for i in range(count):
                keys[i] = i % width
        elif sparse and not is_sparse:
            for i in range(numbers):
                keys[count + i] = i
        count += numbers
        ends[rows], exact[rows] = count, not rounded
        rows += 1
        position += 8 + _padded(length)
    return rows, width, sparse, stop, _COMPLETE, 0, 0, 0


@kernel
def _frame(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int, int]:
    """→ fault and its detail, length of the record."""
    if stop - position >= 4:
        magic = protobuf.word(data, position)
        if magic != _MAGIC_WORD:
            return _NO_MAGIC, magic, 0
    if stop - position < 8:
        return _TRUNCATED, 8 - (stop - position), 0
    length = protobuf.word(data, position + 4)
    if length >> 29:
        return _CONTINUED, length >> 29, 0
    if length > _LONGEST_RECORD:
        return _TOO_LONG, length, 0
    missing = position + 8 + _padded(length) - stop
    if missing > 0:
        return _TRUNCATED, missing, 0
    return _COMPLETE, 0, length


@kernel
def _padded(length: int) -> int:
    return (length + 3) // 4 * 4


@kernel
def _record(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    count: int,
    label: NDArray[np.float32],
) -> tuple[int, int, int, int, int, int, bool]:
    """Read the record's values into `values[count:]`, its keys into `keys[count:]`: -1 there says it has none.

    → fault, its position and two details; how many values, how many columns; whether float32 rounds a value.
    """
    found, kind, begin, end = protobuf.tensor(data, first, last, protobuf.FEATURES, _NAME)
    if found < 0:
        return _MALFORMED, begin, 0, 0, 0, 0, False
    if found == 0 or kind == 0:
        return _MISSING, first, 0, 0, 0, 0, False
    if found > 1:
        return _REPEATED, first, found, 0, 0, 0, False
    if kind == protobuf.BYTES:
        return _NOT_NUMBERS, begin, 0, 0, 0, 0, False
    behind, bad, rounded = protobuf.floats(data, begin, end, kind, values, count)
    if bad >= 0:
        return _MALFORMED, bad, 0, 0, 0, 0, False
    for i in range(count, behind):
        if not np.isfinite(values[i]):
            return _NOT_FINITE, begin, i - count + 1, 0, 0, 0, False
    fault, detail, other, columns = _columns(data, begin, end, keys, count, behind - count)
    if fault != _COMPLETE:
        return fault, begin, detail, other, 0, 0, False
    numbers = behind - count

    found, kind, begin, end = protobuf.tensor(data, first, last, protobuf.LABEL, _NAME)
    if found < 0:
        return _MALFORMED, begin, 0, 0, 0, 0, False
    label[0] = np.nan
    if found:
        at = behind
        behind, bad, _ = protobuf.floats(data, begin, end, kind, values, at)
        if found > 1 or bad >= 0 or behind != at + 1 or not np.isfinite(values[at]):
            return _LABEL, begin, 0, 0, 0, 0, False
        label[0] = values[at]
    return _COMPLETE, 0, 0, 0, numbers, columns, rounded


@kernel
def _columns(
    data: NDArray[np.uint8], first: int, last: int, keys: NDArray[np.int64], count: int, numbers: int
) -> tuple[int, int, int, int]:
    """Read the keys of a tensor. → fault and two details, how many columns keys and shape give it."""
    behind, bad = protobuf.integers(data, first, last, protobuf.KEYS, keys, count)
    end, bad_too = protobuf.integers(data, first, last, protobuf.SHAPE, keys, behind)  # for the moment, after the keys
    if bad >= 0 or bad_too >= 0:
        return _MALFORMED, 0, 0, 0
    n_keys, n_shape, shape = behind - count, end - behind, keys[behind]
    if n_shape > 1 or (n_keys > 0 and n_shape == 0):
        return _SHAPE, n_shape, 0, 0
    if n_shape == 1 and not 1 <= shape <= 2147483647:
        return _COLUMNS, shape, 0, 0
    if n_keys == 0 and numbers > 0:
        if n_shape == 1 and shape != numbers:
            return _LENGTHS, numbers, shape, 0
        keys[count] = -1
        return _COMPLETE, 0, 0, numbers
    if n_shape == 0:
        return _EMPTY, 0, 0, 0
    if n_keys != numbers:
        return _LENGTHS, numbers, n_keys, 0
    before = -1
    for i in range(count, behind):
        if not before < keys[i] < shape:
            return _KEYS, keys[i], before, 0
        before = keys[i]
    return _COMPLETE, 0, 0, shape


def _decode_request(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block:  # noqa: ARG001
    return decode(body, width=width, max_bytes=max_bytes)


def _read_file(chunks: Iterable[bytes], content_type: MediaType | None, *, label_size: int) -> Iterator[Block]:  # noqa: ARG001
    return read(chunks)


FORMAT = Format(RECORDIO, _decode_request, _read_file, magic=MAGIC, text=False)
