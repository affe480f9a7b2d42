"""Sequences of integers in RecordIO-protobuf: records with named tensors of int32, such as `features["source"]`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At
from forecastle.formats import protobuf, recordio, recordio_writer
from forecastle.formats.record import (
    COMPLETE,
    EXPECTED_AND_GOT,
    MALFORMED,
    MISSING,
    NOT_NUMBERS,
    REPEATED,
    TRUNCATED,
)
from forecastle.kernels.compiled import kernel

_NOT_INT32 = 100  # beside the faults of `record`
_OF_A_NAME = {
    MISSING: ('a tensor of integers under features["{name}"]', "none"),
    REPEATED: ('one tensor under features["{name}"]', "{0}"),
    NOT_NUMBERS: ('int32 values under features["{name}"]', "another type"),
    _NOT_INT32: ('integers in the range of int32 under features["{name}"]', "{0}"),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sequences:
    """Sequences of integers, one after another."""

    values: NDArray[np.int32]  # (n,), of all sequences
    ends: NDArray[np.int64]  # (sequences,), the end of each in `values`

    @classmethod
    def of(cls, sequences: Sequence[Iterable[int] | NDArray[np.int32]]) -> "Sequences":
        """Sequences given one by one."""
        arrays = [np.asarray(each, np.int32) for each in sequences]
        values = np.concatenate([*arrays, np.empty(0, np.int32)])
        return cls(values, np.cumsum([len(each) for each in arrays], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        return self.values[int(self.ends[index - 1]) if index else 0 : self.ends[index]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(sequences,)."""
        return np.diff(self.ends, prepend=0)


def decode(body: bytes, names: Sequence[str]) -> tuple[Sequences, ...]:
    """The sequences under each of `names` in the records of a body; other features are left out.

    Raises `InvalidData` with record and byte offset.
    """
    return joined(list(read([body], names)))


def read(chunks: Iterable[bytes], names: Sequence[str]) -> Iterator[tuple[Sequences, ...]]:
    """The sequences under each of `names` in a file that comes in chunks, one block of records after another.

    Raises `InvalidData` with record and byte offset, which count from the beginning of the file.
    """
    records_before, bytes_before, rest = 0, 0, b""
    for chunk in chain(chunks, [b""]):  # the empty chunk ends the file
        data = rest + chunk
        blocks, position = _decode(data, names, bool(chunk), records_before, bytes_before)
        if len(blocks[0]):
            yield blocks
        records_before += len(blocks[0])
        bytes_before += position
        rest = data[position:]
    if records_before == 0:
        raise InvalidData(place=(At("byte", 0),), expected="a record", got="nothing")


def joined(blocks: Sequence[tuple[Sequences, ...]]) -> tuple[Sequences, ...]:
    """Blocks of `read` as one."""
    columns = []
    for parts in zip(*blocks, strict=True):
        offsets = np.cumsum([0, *(len(part.values) for part in parts[:-1])])
        ends = [part.ends + offset for part, offset in zip(parts, offsets, strict=True)]
        columns.append(Sequences(np.concatenate([part.values for part in parts]), np.concatenate(ends)))
    return tuple(columns)


def write(**named: Sequences) -> bytes:
    """Records with the sequences under the names of the arguments, in their order."""
    return recordio_writer.write_integers({name: (each.values, each.ends) for name, each in named.items()})


def _decode(
    data: bytes, names: Sequence[str], more: bool, records_before: int, bytes_before: int
) -> tuple[tuple[Sequences, ...], int]:
    """The complete records of `data`, and the position after them; a record may be incomplete if `more` follows."""
    raw, stop = np.frombuffer(data, np.uint8), len(data)
    found: list[Sequences] = []
    for name in names:
        values, ends = np.empty(stop + 1, np.int64), np.empty(stop // 8 + 1, np.int64)
        wanted = np.frombuffer(name.encode(), np.uint8)
        rows, position, fault, at, detail = _scan(raw[:stop], wanted, values, ends)
        if fault != COMPLETE and not (more and fault == TRUNCATED and not found):
            place = (At("record", records_before + rows + 1), At("byte", bytes_before + at))
            texts = _OF_A_NAME.get(fault) or EXPECTED_AND_GOT[fault]
            expected, got = (text.format(detail, name=name) for text in texts)
            raise InvalidData(place=place, expected=expected, got=got)
        count = int(ends[rows - 1]) if rows else 0
        found.append(Sequences(values[:count].astype(np.int32), ends[:rows].copy()))
        stop = position  # the other names are in the same records
    return tuple(found), stop


@kernel
def _scan(
    data: NDArray[np.uint8], name: NDArray[np.uint8], values: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[int, int, int, int, int]:
    """Read the integers under `name`, (length,), in the frames of `data`, (bytes,).

    Written: `values`, one per integer, and `ends`, one per record.
    → records, position after the last; of the error its kind, position and a detail.
    """
    stop, rows, count, position = len(data), 0, 0, 0
    while position < stop:
        fault, detail, length = recordio.frame(data, position, stop)
        if fault != COMPLETE:
            return rows, position, fault, position, detail
        first = position + 8
        found, kind, begin, end = protobuf.tensor(data, first, first + length, protobuf.FEATURES, name)
        if found < 0:
            return rows, position, MALFORMED, begin, 0
        if found == 0:
            return rows, position, MISSING, first, 0
        if found > 1:
            return rows, position, REPEATED, first, found
        if kind not in (0, protobuf.INT32):  # 0: an empty tensor, which some writers leave out
            return rows, position, NOT_NUMBERS, begin, 0
        if kind:
            after, bad = protobuf.integers(data, begin, end, protobuf.VALUES, values, count)
            if bad >= 0:
                return rows, position, MALFORMED, bad, 0
            for i in range(count, after):
                if not -(2**31) <= values[i] < 2**31:
                    return rows, position, _NOT_INT32, begin, values[i]
            count = after
        ends[rows] = count
        rows += 1
        position += 8 + recordio.padded(length)
    return rows, stop, COMPLETE, 0, 0
