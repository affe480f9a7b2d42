"""CSV: rows of numbers, no header."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import CONTENT_TYPE, CSV, RECORDIO, MediaType
from forecastle.contract.place import At
from forecastle.formats import number
from forecastle.formats.block import Block
from forecastle.formats.format import Format
from forecastle.formats.recordio import MAGIC as RECORDIO_MAGIC
from forecastle.kernels.compiled import kernel
from forecastle.kernels.pointer import memory

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_ROW = 64 << 20  # bytes; the maximum of 10,000 columns takes far less

_TAB, _NEWLINE, _RETURN, _SPACE, _QUOTE, _COMMA = b'\t\n\r ",'
_COMPLETE, _NOT_A_NUMBER, _RAGGED, _EMPTY_LINE = range(4)


def decode(body: bytes, *, width: int | None = None) -> Block:
    """The rows of a CSV body, with `width` columns if it is given.

    Lines end with LF or CRLF, which the last one may lack. Empty lines at the end, a byte order mark, blanks around a
    field and double quotes around a number are ignored. Raises `InvalidData` with row and column.
    """
    rows, exact, _ = _decode(body, width or 0, 0)
    if len(rows) == 0:
        raise InvalidData(place=(At("row", 1),), expected="numbers", got="nothing")
    return Block(rows, None, exact)


def read(chunks: Iterable[bytes], *, label_size: int) -> Iterator[Block]:
    """The rows of a CSV file that comes in chunks; with `label_size=1` the first column is the label.

    Raises `InvalidData` with row and column, which count from the beginning of the file.
    """
    width, rows_before, at_end = 0, 0, False
    for lines in _whole_lines(chunks):
        if at_end and not lines.isspace():
            raise InvalidData(place=(At("row", rows_before + 1),), expected="numbers", got="an empty line")
        table, exact, at_end = _decode(lines, width, rows_before)
        if len(table) == 0:
            continue
        width = table.shape[1]
        if width <= label_size:
            raise InvalidData(
                place=(At("row", 1),), expected="a label and at least one more column", got=f"{width} column"
            )
        rows_before += len(table)
        if label_size:
            yield Block(np.ascontiguousarray(table[:, 1:]), np.ascontiguousarray(table[:, 0]), exact)
        else:
            yield Block(table, None, exact)
    if rows_before == 0:
        raise InvalidData(place=(At("row", 1),), expected="numbers", got="nothing")


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join([*rest, chunk[:cut]])
            rest = []
        rest.append(chunk[cut:])
        if sum(map(len, rest)) > _LONGEST_ROW:
            raise InvalidData(expected=f"rows of at most {_LONGEST_ROW} bytes", got="a longer line")
    if any(rest):
        yield b"".join(rest)


def _decode(body: bytes, width: int, rows_before: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], bool]:
    """The rows of `body`, (rows, columns); whether each is exact, (rows,), see `Block`; whether empty lines follow."""
    begin = 3 if rows_before == 0 and body.startswith(_BYTE_ORDER_MARK) else 0
    text = np.frombuffer(body, np.uint8)
    values = np.empty(len(body) // 2 + 1, np.float32)  # each number but the last takes at least two bytes
    exact = np.empty(len(values), np.bool_)
    doubtful = np.empty((0, 2), np.int64)
    rows, column, position, fault, doubts = _scan(text, begin, width, values, exact, doubtful)
    if doubts:  # rare: scan again, and record their positions
        doubtful = np.empty((doubts, 2), np.int64)
        rows, column, position, fault, doubts = _scan(text, begin, width, values, exact, doubtful)
        too_large, rounded = number.settle(body, values, doubtful)
        columns = width or _columns(body, begin)
        exact[[index // columns for index in rounded]] = False
        if too_large is not None:
            place = (At("row", rows_before + too_large // columns + 1), At("column", too_large % columns + 1))
            token = _field(body, int(doubtful[doubtful[:, 0] == too_large][0, 1]))
            raise InvalidData(place=place, expected="a number in the range of float32", got=quotation.of_text(token))
    if fault != _COMPLETE:
        raise _error(body, begin, rows_before + rows + 1, column + 1, position, fault, width)
    columns = width or (_columns(body, begin) if rows else 0)
    return values[: rows * columns].reshape(rows, columns), exact[:rows], position < len(body)


@kernel
def _scan(
    text: NDArray[np.uint8],
    begin: int,
    width: int,
    values: NDArray[np.float32],
    exact: NDArray[np.bool_],
    doubtful: NDArray[np.int64],
) -> tuple[int, int, int, int, int]:
    """Parse rows.

    text : (bytes,), whose first row is at `begin`.
    width : columns of each row; 0 for as many as the first row has.
    values : written, row by row; one for each number.
    exact : written, one for each row.
    doubtful : (n, 2), written: index in `values` and in `text` of the first n values that are left to `number.settle`.
    → complete rows; of the error its column, index in `text` and kind; the number of doubtful values.
    """
    stop, text = len(text), memory(text)
    i, rows, count, doubts = begin, 0, 0, 0
    while i < stop:
        column, rounded = 0, False
        while True:
            field, quoted = i, False
            value, i = number.parse_short(text, i, stop)
            if i == field or (text[i] != _COMMA and text[i] != _NEWLINE):  # not only digits, or near the end
                value, i = number.parse_decimal(text, field, stop)
            if i == field or (text[i] != _COMMA and text[i] != _NEWLINE):
                field = _blanks(text, field, stop)
                if column == 0 and (field == stop or text[field] == _NEWLINE):
                    kind = _COMPLETE if _only_blanks(text, field, stop) else _EMPTY_LINE
                    return rows, 0, field, kind, doubts
                quoted = field < stop and text[field] == _QUOTE
                value, i = number.parse(text, field + quoted, stop, False)
                if i < 0 or (quoted and (i == stop or text[i] != _QUOTE)):
                    return rows, column, field, _NOT_A_NUMBER, doubts
                i = _blanks(text, i + quoted, stop)
                if i < stop and text[i] != _NEWLINE and text[i] != _COMMA:
                    return rows, column, field, _NOT_A_NUMBER, doubts
            if column == width > 0:
                return rows, column, field, _RAGGED, doubts
            values[count] = value  # as in `json`: a function for both makes them slower by a tenth to a quarter
            if values[count] != value:
                if value == value:
                    rounded = True
                else:
                    if doubts < len(doubtful):
                        doubtful[doubts, 0] = count
                        doubtful[doubts, 1] = field + quoted
                    doubts += 1
            count += 1
            column += 1
            i += 1
            if i > stop or text[i - 1] == _NEWLINE:
                break
        if width == 0:
            width = column
        elif column != width:
            return rows, column, i - 1, _RAGGED, doubts
        exact[rows] = not rounded
        rows += 1
    return rows, 0, stop, _COMPLETE, doubts


@kernel
def _blanks(text: NDArray[np.uint8], i: int, stop: int) -> int:
    """The index after the blanks at `text[i]`; `text` is (bytes,)."""
    while i < stop and (text[i] == _SPACE or text[i] == _TAB or text[i] == _RETURN):
        i += 1
    return i


@kernel
def _only_blanks(text: NDArray[np.uint8], i: int, stop: int) -> bool:
    """Whether `text[i:stop]` is only white space; `text` is (bytes,)."""
    while i < stop and (text[i] == _SPACE or _TAB <= text[i] <= _RETURN):
        i += 1
    return i == stop


def _error(body: bytes, begin: int, row: int, column: int, position: int, fault: int, width: int) -> InvalidData:
    of_row, of_field = (At("row", row),), (At("row", row), At("column", column))
    if body[:2] in _UTF16 or b"\0" in body[: position + 2]:
        return InvalidData(place=of_field, expected="text in UTF-8", got="another encoding, such as UTF-16")
    if fault == _EMPTY_LINE:
        return InvalidData(place=of_row, expected="numbers", got="an empty line")
    if fault == _RAGGED:
        expected = width or _columns(body, begin)
        line = body.rfind(b"\n", 0, position) + 1
        got = _columns(body, line)
        # Row 1 can differ only from a width that the caller gave.
        hint = "leave the label out" if row == 1 and got == expected + 1 else ""
        columns = f"{expected} column{'s' if expected > 1 else ''}"
        return InvalidData(place=of_row, expected=columns, got=str(got), hint=hint)
    field = _field(body, position)
    if not field:
        return InvalidData(place=of_field, expected="a number", got="an empty field")
    if re.fullmatch(rb'"?[+-]?(nan|inf|infinity)"?', field, re.IGNORECASE):
        return InvalidData(place=of_field, expected="a finite number", got=quotation.of_text(field))
    hint = "a header row is not expected" if row == 1 and re.match(rb'"?[^\W\d]', field) else ""
    return InvalidData(place=of_field, expected="a number", got=quotation.of_text(field), hint=hint)


def _columns(body: bytes, begin: int) -> int:
    end = body.find(b"\n", begin)
    return body.count(b",", begin, end if end >= 0 else len(body)) + 1


def _field(body: bytes, position: int) -> bytes:
    match = re.compile(rb"[^,\n]*").match(body, position)
    return match[0].strip() if match else b""


def _decode_request(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block:  # noqa: ARG001
    if _label_size(content_type, 0) != 0:
        raise InvalidData(place=CONTENT_TYPE, expected="label_size=0, as a request has no labels", got="label_size=1")
    _require_text(body)
    return decode(body, width=width)


def _read_file(chunks: Iterable[bytes], content_type: MediaType | None, *, label_size: int) -> Iterator[Block]:
    if content_type is None:
        return read(chunks, label_size=label_size)
    label_size = _label_size(content_type, label_size)
    chunks = iter(chunks)
    first = next(chunks, b"")
    _require_text(first)
    return read(chain([first], chunks), label_size=label_size)


def _label_size(content_type: MediaType, default: int) -> int:
    """The number of label columns, the first ones: 0 or 1."""
    text = content_type.parameters.get("label_size", str(default))
    if text not in ("0", "1"):
        raise InvalidData(place=CONTENT_TYPE, expected="label_size=0 or label_size=1", got=f"label_size={text[:40]}")
    return int(text)


def _require_text(data: bytes) -> None:
    if data.startswith(RECORDIO_MAGIC):
        raise InvalidData(place=(At("byte", 0),), expected=CSV, got=RECORDIO)


FORMAT = Format(CSV, _decode_request, _read_file)
