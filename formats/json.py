"""JSON: SageMaker's common inference format, dense and sparse.

    {"instances": [{"features": [1.5, 16.0]}, …]}
    {"instances": [{"data": {"features": {"values": [1.5, 16.0]}}}, …]}
    {"instances": [{"data": {"features": {"keys": [26, 182], "shape": [2000], "values": [1, 1]}}}, …]}

Bare instances, one or one per line, are read like JSON Lines.

A kernel parses bodies of exactly these forms. `json_document` parses all others: it ignores other members of an
instance, and finds errors and their places.
"""

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.media_type import JSON, MediaType
from forecastle.formats import json_document, number
from forecastle.formats.block import Block
from forecastle.formats.format import Format
from forecastle.formats.sparse import densify
from forecastle.kernels.compiled import kernel

_TAB, _NEWLINE, _RETURN, _SPACE, _COMMA, _COLON, _ZERO, _NINE = b"\t\n\r ,:09"
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_LIST, _CLOSE_LIST = b"{}[]"
_INSTANCES, _FEATURES, _DATA, _VALUES, _KEYS, _SHAPE = (
    np.frombuffer(b'"' + name + b'"', np.uint8)
    for name in (b"instances", b"features", b"data", b"values", b"keys", b"shape")
)


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The instances of a JSON body as rows, with `width` columns if it is given.

    Raises `InvalidData` with the place of the error, `PayloadTooLarge` if sparse rows need more than `max_bytes`.
    """
    rows = scan(body, lines=False, width=width, max_bytes=max_bytes)
    if rows is None:
        rows = scan(body, lines=True, width=width, max_bytes=max_bytes)
    return json_document.decode(body, width=width, max_bytes=max_bytes) if rows is None else rows


def scan(body: bytes, *, lines: bool, width: int | None, max_bytes: int) -> Block | None:
    """The rows of a body in one of the kernel's forms, else None; with `lines`, one bare instance per line."""
    text = np.frombuffer(body, np.uint8)
    values = np.empty(len(body) // 2 + 1, np.float32)  # a number and the delimiter after it take at least two bytes
    keys = np.empty(len(body) // 2 + 1, np.int64)
    ends = np.empty(len(body) // 16 + 1, np.int64)  # {"features":[1]}\n
    exact = np.empty(len(ends), np.bool_)
    doubtful = np.empty((0, 2), np.int64)
    rows, columns, count, sparse, doubts = _scan(text, lines, width or 0, values, keys, ends, exact, doubtful)
    if doubts:  # rare: scan again, and record their positions
        doubtful = np.empty((doubts, 2), np.int64)
        _scan(text, lines, width or 0, values, keys, ends, exact, doubtful)
        too_large, rounded = number.settle(body, values, doubtful)
        if too_large is not None:
            return None
        exact[np.searchsorted(ends[:rows], rounded, side="right")] = False
    if rows == 0:
        return None
    if sparse:
        dense = densify(values[:count], keys[:count], ends[:rows], columns, max_bytes=max_bytes)
        return Block(dense, None, exact[:rows])
    return Block(values[:count].reshape(rows, columns), None, exact[:rows])


@kernel
def _scan(
    text: NDArray[np.uint8],
    lines: bool,
    width: int,
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    ends: NDArray[np.int64],
    exact: NDArray[np.bool_],
    doubtful: NDArray[np.int64],
) -> tuple[int, int, int, int, int]:
    """Parse a body `text`, (bytes,), with one bare instance per line if `lines`.

    values, keys : written, one for each number: the number; its column, if rows are sparse.
    ends, exact : written, one for each row: the number of values up to its end; see `Block`.
    doubtful : (n, 2), written: index in `values` and in `text` of the first n values that are left to `number.settle`.
    → rows, 0 if the body has another form; columns; numbers; whether rows are sparse; doubtful values.
    """
    stop = len(text)
    i = 0
    if not lines:
        i = _punctuation(text, 0, stop, _OPEN_OBJECT)
        i = _word(text, i, stop, _INSTANCES)
        i = _punctuation(text, i, stop, _COLON)
        i = _punctuation(text, i, stop, _OPEN_LIST)
        if i < 0:
            return 0, 0, 0, 0, 0
    rows, count, sparse, doubts = 0, 0, 0, 0
    while True:
        end = stop
        if lines:
            i = _blanks(text, i, stop)
            if i == stop:
                return rows, width, count, sparse, doubts
            end = _line_end(text, i, stop)
        if rows == len(ends):
            return 0, 0, 0, 0, 0
        i, numbers, shape, exact[rows], doubts = _instance(text, i, end, values, keys, count, doubtful, doubts)
        if i < 0:
            return 0, 0, 0, 0, 0
        if rows == 0:
            sparse = int(shape > 0)
            width = width or shape or numbers
        if (shape > 0) != sparse or (shape or numbers) != width:
            return 0, 0, 0, 0, 0
        count += numbers
        ends[rows] = count
        rows += 1
        i = _blanks(text, i, end)
        if lines:
            if i != end:
                return 0, 0, 0, 0, 0
        elif i < stop and text[i] == _COMMA:
            i += 1
        else:
            break
    i = _punctuation(text, i, stop, _CLOSE_LIST)
    i = _punctuation(text, i, stop, _CLOSE_OBJECT)
    if i < 0 or _blanks(text, i, stop) != stop:
        return 0, 0, 0, 0, 0
    return rows, width, count, sparse, doubts


@kernel
def _instance(
    text: NDArray[np.uint8],
    i: int,
    stop: int,
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    count: int,
    doubtful: NDArray[np.int64],
    doubts: int,
) -> tuple[int, int, int, bool, int]:
    """Parse an instance at `text[i]`; the arrays are those of `_scan`, and `count` values are already written.

    → index after it, -1 if it has another form; its numbers; its shape, 0 if dense; whether all numbers are exact;
    doubtful values so far.
    """
    i = _punctuation(text, i, stop, _OPEN_OBJECT)
    dense = _word(text, i, stop, _FEATURES)
    if dense >= 0:
        i, numbers, exact, doubts = _numbers(
            text, _punctuation(text, dense, stop, _COLON), stop, values, count, doubtful, doubts
        )
        if numbers == 0:
            return -1, 0, 0, False, 0
        return _punctuation(text, i, stop, _CLOSE_OBJECT), numbers, 0, exact, doubts
    for word in (_DATA, _FEATURES):
        i = _punctuation(text, _word(text, i, stop, word), stop, _COLON)
        i = _punctuation(text, i, stop, _OPEN_OBJECT)
    numbers, n_keys, shape, exact = -1, -1, -1, True
    while i >= 0:
        at = _word(text, i, stop, _VALUES)
        if at >= 0 and numbers < 0:
            at = _punctuation(text, at, stop, _COLON)
            i, numbers, exact, doubts = _numbers(text, at, stop, values, count, doubtful, doubts)
        else:
            at = _word(text, i, stop, _KEYS)
            if at >= 0 and n_keys < 0:
                i, n_keys = _ascending(text, _punctuation(text, at, stop, _COLON), stop, keys, count)
            else:
                at = _punctuation(text, _word(text, i, stop, _SHAPE), stop, _COLON)
                if at < 0 or shape >= 0:
                    return -1, 0, 0, False, 0
                shape, i = _index(text, _blanks(text, _punctuation(text, at, stop, _OPEN_LIST), stop), stop)
                i = _punctuation(text, i, stop, _CLOSE_LIST)
        i = _blanks(text, i, stop)
        if i >= 0 and i < stop and text[i] == _COMMA:
            i += 1
        else:
            break
    for _ in range(3):
        i = _punctuation(text, i, stop, _CLOSE_OBJECT)
    sparse = n_keys >= 0 or shape >= 0
    if i < 0 or numbers < 0 or (numbers == 0 and not sparse):
        return -1, 0, 0, False, 0
    if sparse and (n_keys != numbers or shape < 1 or (numbers > 0 and keys[count + numbers - 1] >= shape)):
        return -1, 0, 0, False, 0
    return i, numbers, (shape if sparse else 0), exact, doubts


@kernel
def _numbers(
    text: NDArray[np.uint8],
    i: int,
    stop: int,
    values: NDArray[np.float32],
    count: int,
    doubtful: NDArray[np.int64],
    doubts: int,
) -> tuple[int, int, bool, int]:
    """Parse a list of numbers into `values[count:]` → index after it, -1 if none; its length; exact; doubts so far."""
    begin, rounded = count, False
    i = _blanks(text, _punctuation(text, i, stop, _OPEN_LIST), stop)
    if 0 <= i < stop and text[i] == _CLOSE_LIST:
        return i + 1, 0, True, doubts
    while i >= 0:
        at = _blanks(text, i, stop)
        value, i = number.parse(text, at, stop, True)
        if i < 0 or count == len(values):
            break
        values[count] = value
        if values[count] != value:
            if value == value:
                rounded = True
            else:
                if doubts < len(doubtful):
                    doubtful[doubts, 0] = count
                    doubtful[doubts, 1] = at
                doubts += 1
        count += 1
        i = _blanks(text, i, stop)
        if i < stop and text[i] == _COMMA:
            i += 1
        else:
            return _punctuation(text, i, stop, _CLOSE_LIST), count - begin, not rounded, doubts
    return -1, 0, False, 0


@kernel
def _ascending(text: NDArray[np.uint8], i: int, stop: int, keys: NDArray[np.int64], count: int) -> tuple[int, int]:
    """Parse ascending keys in `text`, (bytes,), into `keys[count:]`. → index after the list, -1 if none; its length."""
    begin, before = count, -1
    i = _blanks(text, _punctuation(text, i, stop, _OPEN_LIST), stop)
    if 0 <= i < stop and text[i] == _CLOSE_LIST:
        return i + 1, 0
    while i >= 0:
        key, i = _index(text, _blanks(text, i, stop), stop)
        if i < 0 or key <= before or count == len(keys):
            break
        keys[count] = before = key
        count += 1
        i = _blanks(text, i, stop)
        if i < stop and text[i] == _COMMA:
            i += 1
        else:
            return _punctuation(text, i, stop, _CLOSE_LIST), count - begin
    return -1, 0


@kernel
def _index(text: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """A whole number of at most nine digits in `text`, (bytes,), and the index after it; -1 if there is none."""
    if i < 0:
        return 0, -1
    begin, value = i, 0
    while i < stop and _ZERO <= text[i] <= _NINE and i - begin < 9:
        value = value * 10 + int(text[i] - _ZERO)
        i += 1
    leading_zero = i - begin > 1 and text[begin] == _ZERO
    return value, (-1 if i == begin or leading_zero else i)


@kernel
def _blanks(text: NDArray[np.uint8], i: int, stop: int) -> int:
    """The index after the white space in `text`, (bytes,); a negative one is returned unchanged."""
    while 0 <= i < stop and (text[i] == _SPACE or text[i] == _NEWLINE or text[i] == _RETURN or text[i] == _TAB):
        i += 1
    return i


@kernel
def _punctuation(text: NDArray[np.uint8], i: int, stop: int, character: int) -> int:
    """The index after white space and `character` in `text`, (bytes,); -1 if it is missing."""
    i = _blanks(text, i, stop)
    return i + 1 if 0 <= i < stop and text[i] == character else -1


@kernel
def _word(text: NDArray[np.uint8], i: int, stop: int, word: NDArray[np.uint8]) -> int:
    """The index after white space and `word`, (length,), in `text`, (bytes,); -1 if it is missing."""
    i = _blanks(text, i, stop)
    if i < 0 or i + len(word) > stop:
        return -1
    for at in range(len(word)):
        if text[i + at] != word[at]:
            return -1
    return i + len(word)


@kernel
def _line_end(text: NDArray[np.uint8], i: int, stop: int) -> int:
    """The index of the end of the line in `text`, (bytes,)."""
    while i < stop and text[i] != _NEWLINE:
        i += 1
    return i


def _decode_request(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block:  # noqa: ARG001
    return decode(body, width=width, max_bytes=max_bytes)


FORMAT = Format(JSON, _decode_request)
