"""RecordIO-protobuf, encoded: byte for byte the same as SageMaker's Python SDK 2.

Messages are built from the inside out, for all rows at once: each step wraps or joins the pieces of the previous one.
Kernels take pieces as `data`, (bytes,), and `ends`, (rows,), and write others to `out` and `out_ends`, see `_Pieces`;
they return the number of bytes written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.formats import protobuf, recordio
from forecastle.kernels.compiled import kernel
from forecastle.kernels.joined import joined

_NUMBERS = {np.dtype(np.float32): protobuf.FLOAT32, np.dtype(np.float64): protobuf.FLOAT64}


def write_dense(matrix: NDArray[Any], labels: NDArray[Any] | None = None) -> bytes:
    """A record for each row of `matrix`, (rows, columns), and its label: float32, float64 or integers."""
    rows, columns = matrix.shape
    ends = np.arange(1, rows + 1) * columns
    return _records(_numbers(matrix.ravel(), ends), _kind(matrix), labels)


def write_sparse(
    values: NDArray[Any], keys: NDArray[Any], ends: NDArray[Any], width: int, labels: NDArray[Any] | None = None
) -> bytes:
    """A record for each sparse row: row r has `values` in the columns `keys`, from `ends[r - 1]` up to `ends[r]`.

    For a SciPy CSR matrix these are `data`, `indices`, `indptr[1:]` and `shape[1]`.
    """
    rows = len(ends)
    shape = _varints(np.full(rows, width), np.arange(1, rows + 1))
    tensor = _numbers(values, ends)
    tensor = _joined(tensor, _wrapped(_varints(keys, ends), protobuf.KEYS + 2))
    tensor = _joined(tensor, _wrapped(shape, protobuf.SHAPE + 2))
    return _records(tensor, _kind(values), labels)


def write_integers(tensors: Mapping[str, tuple[NDArray[np.integer[Any]], NDArray[np.int64]]]) -> bytes:
    """A record for each row of all tensors, which have the same number of rows, with an int32 tensor under each name.

    Row r of a tensor has its values from `ends[r - 1]` up to `ends[r]`.
    """
    records: _Pieces | None = None
    for name, (values, ends) in tensors.items():
        entries = _entries(_numbers(values, ends), protobuf.INT32, name.encode(), protobuf.FEATURES)
        records = entries if records is None else _joined(records, entries)
    assert records is not None
    return _framed(records)


def write_scores(scores: NDArray[np.floating[Any]]) -> bytes:
    """A record for each score, under `label["score"]` as float32, as SageMaker's algorithms answer."""
    numbers = _numbers(scores.astype(np.float32), np.arange(1, len(scores) + 1))
    return _framed(_entries(numbers, protobuf.FLOAT32, b"score", protobuf.LABEL))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Pieces:
    """A piece of bytes for each row."""

    data: NDArray[np.uint8]  # (bytes,), of all pieces, one after another
    ends: NDArray[np.int64]  # (rows,), the end of each piece in `data`


def _records(tensor: _Pieces, kind: int, labels: NDArray[Any] | None) -> bytes:
    records = _entries(tensor, kind, b"values", protobuf.FEATURES)
    if labels is not None:
        numbers = _numbers(labels, np.arange(1, len(labels) + 1))
        records = _joined(records, _entries(numbers, _kind(labels), b"values", protobuf.LABEL))
    return _framed(records)


def _kind(numbers: NDArray[Any]) -> int:
    return _NUMBERS.get(numbers.dtype, protobuf.INT32)


def _entries(tensor: _Pieces, kind: int, name: bytes, map_tag: int) -> _Pieces:
    key = bytes([protobuf.ENTRY_KEY, len(name)]) + name
    return _wrapped(_wrapped(_wrapped(tensor, kind), protobuf.ENTRY_VALUE), map_tag, key)


def _numbers(numbers: NDArray[Any], ends: NDArray[Any]) -> _Pieces:
    """The field `values` of each row's tensor: `numbers`, (n,), up to `ends`, (rows,)."""
    if numbers.dtype in _NUMBERS:
        data = np.ascontiguousarray(numbers).view(np.uint8)
        packed = _Pieces(data, ends.astype(np.int64) * numbers.dtype.itemsize)
    else:
        packed = _varints(numbers, ends)
    return _wrapped(packed, protobuf.VALUES + 2)


def _varints(numbers: NDArray[Any], ends: NDArray[Any]) -> _Pieces:
    if len(numbers) and not -(2**31) <= numbers.min() <= numbers.max() < 2**31:
        raise ValueError("Only integers in the range of int32 can be written.")
    data = np.empty(10 * len(numbers), np.uint8)
    piece_ends = np.empty(len(ends), np.int64)
    size = _write_varints(numbers.astype(np.int64), ends.astype(np.int64), data, piece_ends)
    return _Pieces(data[:size], piece_ends)


def _wrapped(pieces: _Pieces, tag: int, head: bytes = b"") -> _Pieces:
    """Each piece, after `head`, as a field: tag, length, content. Empty ones are left out."""
    room = len(pieces.data) + len(pieces.ends) * (11 + len(head))
    data, ends = np.empty(room, np.uint8), np.empty(len(pieces.ends), np.int64)
    size = _wrap(pieces.data, pieces.ends, tag, np.frombuffer(head, np.uint8), data, ends)
    return _Pieces(data[:size], ends)


def _joined(first: _Pieces, second: _Pieces) -> _Pieces:
    data = np.empty(len(first.data) + len(second.data), np.uint8)
    _join(first.data, first.ends, second.data, second.ends, data)
    return _Pieces(data, first.ends + second.ends)


def _framed(records: _Pieces) -> bytes:
    data = np.empty(len(records.data) + 11 * len(records.ends), np.uint8)
    size = _frame(records.data, records.ends, np.frombuffer(recordio.MAGIC, np.uint8), data)
    return joined([data[:size].data])


@kernel
def _write_varint(number: int, out: NDArray[np.uint8], at: int) -> int:
    """Write `number` to `out[at:]`. → the index after it."""
    rest = np.uint64(number)
    while rest >= np.uint64(0x80):
        out[at] = np.uint8(rest & np.uint64(0x7F)) | np.uint8(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@kernel
def _write_varints(
    numbers: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.uint8], out_ends: NDArray[np.int64]
) -> int:
    """Write `numbers`, (n,), those of each row up to `ends`."""
    begin, at = 0, 0
    for row in range(len(ends)):
        for i in range(begin, ends[row]):
            at = _write_varint(numbers[i], out, at)
        begin = ends[row]
        out_ends[row] = at
    return at


@kernel
def _copy(data: NDArray[np.uint8], begin: int, end: int, out: NDArray[np.uint8], at: int) -> int:
    """Copy `data[begin:end]` to `out[at:]`. → the index after it."""
    for i in range(end - begin):
        out[at + i] = data[begin + i]
    return at + end - begin


@kernel
def _wrap(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    tag: int,
    head: NDArray[np.uint8],
    out: NDArray[np.uint8],
    out_ends: NDArray[np.int64],
) -> int:
    """Write each piece after `head`, (length,), as a field."""
    begin, at = 0, 0
    for row in range(len(ends)):
        length = len(head) + ends[row] - begin
        if length > 0:
            at = _write_varint(tag, out, at)
            at = _write_varint(length, out, at)
            at = _copy(head, 0, len(head), out, at)
            at = _copy(data, begin, ends[row], out, at)
        begin = ends[row]
        out_ends[row] = at
    return at


@kernel
def _join(
    first: NDArray[np.uint8],
    first_ends: NDArray[np.int64],
    second: NDArray[np.uint8],
    second_ends: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    """Write each row's first and second piece to `out`, (bytes of both,)."""
    at, first_begin, second_begin = 0, 0, 0
    for row in range(len(first_ends)):
        at = _copy(first, first_begin, first_ends[row], out, at)
        at = _copy(second, second_begin, second_ends[row], out, at)
        first_begin, second_begin = first_ends[row], second_ends[row]


@kernel
def _frame(data: NDArray[np.uint8], ends: NDArray[np.int64], magic: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Write each piece as a frame: `magic`, (4,), length, content, padding to four bytes."""
    begin, at = 0, 0
    for row in range(len(ends)):
        length = ends[row] - begin
        at = _copy(magic, 0, 4, out, at)
        for shift in range(0, 32, 8):
            out[at] = np.uint8(length >> shift & 0xFF)
            at += 1
        at = _copy(data, begin, ends[row], out, at)
        for _ in range(-length % 4):
            out[at] = 0
            at += 1
        begin = ends[row]
    return at
