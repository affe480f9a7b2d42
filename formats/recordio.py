"""RecordIO-protobuf, decoded: frames, each around a message `aialgs.data.Record`."""

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
from forecastle.formats.record import (
    COMPLETE,
    CONTINUED,
    EXPECTED_AND_GOT,
    LONGEST_RECORD,
    NO_MAGIC,
    TOO_LONG,
    TRUNCATED,
    WIDTH,
    read_record,
)
from forecastle.formats.sparse import densify
from forecastle.kernels.compiled import kernel

MAGIC = bytes.fromhex("0a23d7ce")
_MAGIC_WORD = int.from_bytes(MAGIC, "little")
_DENSE_BLOCK_BYTES = 64 << 20


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The records of a body as rows, with `width` columns if it is given. Labels are left out.

    Raises `InvalidData` with record and byte offset, `PayloadTooLarge` if sparse rows would take more than `max_bytes`
    as dense ones.
    """
    records = _decode(body, width or 0)
    records.require_complete(0, 0)
    if records.rows == 0:
        raise InvalidData(place=(At("byte", 0),), expected="a record", got="nothing")
    return Block(records.dense(0, records.rows, max_bytes), None, records.exact)


def read(chunks: Iterable[bytes]) -> Iterator[Block]:
    """The records of a file that comes in chunks. Either all of them have a label, or none.

    Raises `InvalidData` with record and byte offset, which count from the beginning of the file.
    """
    width, records_before, bytes_before, rest = 0, 0, 0, b""
    labelled: bool | None = None
    for chunk in chain(chunks, [b""]):  # the empty chunk ends the file
        data = rest + chunk
        records = _decode(data, width)
        if not (chunk and records.fault == TRUNCATED):
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
                    expected=f"{expected}, as in the previous records",
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
    """The complete records up to the end, or up to an error."""

    rows: int
    width: int
    values: NDArray[np.float32]  # (n,), of all records
    keys: NDArray[np.int64] | None  # (n,), the column of each value; None if all records are dense
    ends: NDArray[np.int64]  # (rows,), the end of each record in `values`
    labels: NDArray[np.float32]  # (rows,), NaN if a record has none
    exact: NDArray[np.bool_]  # (rows,), see `Block`
    position: int  # after the last complete record
    fault: int  # one of `record`'s
    fault_position: int
    details: tuple[int, int]

    def require_complete(self, records_before: int, bytes_before: int) -> None:
        """Raise `InvalidData` if there was an error."""
        if self.fault != COMPLETE:
            place = (At("record", records_before + self.rows + 1), At("byte", bytes_before + self.fault_position))
            expected, got = (text.format(*self.details) for text in EXPECTED_AND_GOT[self.fault])
            raise InvalidData(place=place, expected=expected, got=got)

    def dense(self, first: int, last: int, max_bytes: int) -> NDArray[np.float32]:
        """The rows from `first` up to `last`."""
        begin = int(self.ends[first - 1]) if first else 0
        if self.keys is None:
            return self.values[begin : self.ends[last - 1]].reshape(last - first, self.width)
        return densify(self.values, self.keys, self.ends[first:last], self.width, begin=begin, max_bytes=max_bytes)


def _decode(data: bytes, width: int) -> _Records:
    values = np.empty(len(data) + 1, np.float32)  # a value takes at least a byte, a frame eight
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
    """Parse the frames of `data`, (bytes,), with `width` columns, or as many as the first record has if it is 0.

    Written, see `_Records`: `values` and `keys`, one per number; `ends`, `labels` and `exact`, one per record.
    → rows, columns, whether any is sparse, position after the last; of the error its kind, position and two details.
    """
    stop = len(data)
    rows, count, sparse, position = 0, 0, False, 0
    while position < stop:
        fault, detail, length = frame(data, position, stop)
        if fault != COMPLETE:
            return rows, width, sparse, position, fault, position, detail, 0
        fault, at, detail, other, numbers, columns, rounded = read_record(
            data, position + 8, position + 8 + length, values, keys, count, labels[rows : rows + 1]
        )
        if fault == COMPLETE and width and columns != width:
            fault, at, detail, other = WIDTH, position + 8, columns, width
        if fault != COMPLETE:
            return rows, width, sparse, position, fault, at, detail, other
        width = columns
        is_sparse = numbers != columns or keys[count] >= 0
        if is_sparse and not sparse:  # the previous rows were dense: now they also need keys
            sparse = True
            for i in range(count):
                keys[i] = i % width
        elif sparse and not is_sparse:
            for i in range(numbers):
                keys[count + i] = i
        count += numbers
        ends[rows], exact[rows] = count, not rounded
        rows += 1
        position += 8 + padded(length)
    return rows, width, sparse, stop, COMPLETE, 0, 0, 0


@kernel
def frame(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int, int]:
    """The frame at `position` of `data`, (bytes,). → error and its detail, length of the record."""
    if stop - position >= 4:
        magic = protobuf.word(data, position)
        if magic != _MAGIC_WORD:
            return NO_MAGIC, magic, 0
    if stop - position < 8:
        return TRUNCATED, 8 - (stop - position), 0
    length = protobuf.word(data, position + 4)
    if length >> 29:
        return CONTINUED, length >> 29, 0
    if length > LONGEST_RECORD:
        return TOO_LONG, length, 0
    missing = position + 8 + padded(length) - stop
    if missing > 0:
        return TRUNCATED, missing, 0
    return COMPLETE, 0, length


@kernel
def padded(length: int) -> int:
    """The bytes of a record in its frame."""
    return (length + 3) // 4 * 4


def _decode_request(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block:  # noqa: ARG001
    return decode(body, width=width, max_bytes=max_bytes)


def _read_file(chunks: Iterable[bytes], content_type: MediaType | None, *, label_size: int) -> Iterator[Block]:  # noqa: ARG001
    return read(chunks)


FORMAT = Format(RECORDIO, _decode_request, _read_file, magic=MAGIC, text=False)
