"""A text with numbers in it, written once for each row of a table."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.formats import number_writer
from forecastle.kernels.compiled import kernel
from forecastle.kernels.joined import joined
from forecastle.kernels.pointer import memory
from forecastle.kernels.word import load_word, store_word

_SLACK = bytes(16)  # texts are copied 16 bytes at a time, so that up to 16 more are read and written


def fill(
    texts: Sequence[bytes],
    table: NDArray[np.floating[Any]],
    *,
    separator: bytes = b"",
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """For each row of `table`, (rows, columns), its numbers between the columns + 1 `texts`; `separator` between rows,
    `before` and `after` around all.

    `fill([b'{"score":', b"}"], scores[:, None], separator=b",")` is `{"score":0.9},{"score":1.25}`. Numbers are
    written by `number_writer.write`. Raises `ValueError` if one is not finite, or not below
    `number_writer.WRITE_LIMIT`.
    """
    rows, columns = table.shape
    if len(texts) != columns + 1:
        raise ValueError(f"A row of {columns} numbers needs {columns + 1} texts. Got {len(texts)}.")
    if table.size == 0:
        return before + after
    # The text before the first number is written once; after each row comes the text up to the next.
    between = texts[-1] + separator + texts[0]
    pieces = [*texts[1:-1], between]
    text = np.frombuffer(b"".join([*pieces, _SLACK]), np.uint8)
    ends = np.array(list(accumulate(map(len, pieces))), np.int64)
    out = np.empty(rows * (int(ends[-1]) + columns * number_writer.LONGEST) + len(_SLACK), np.uint8)
    end = _fill(text, ends, np.ascontiguousarray(table, np.float64), out)
    if end < 0:
        raise ValueError(f"Only finite numbers below {number_writer.WRITE_LIMIT} can be written.")
    return joined([before, texts[0], out[: end - len(between)].data, texts[-1], after])


@kernel
def _fill(text: NDArray[np.uint8], ends: NDArray[np.int64], table: NDArray[np.float64], out: NDArray[np.uint8]) -> int:
    """Write each number of `table`, (rows, columns), and the part of `text`, (bytes,), up to its `ends`, (columns,).

    → the number of bytes written to `out`, -1 if a number cannot be written. `text` and `out` end with `_SLACK`.
    """
    source, target, at = memory(text), memory(out), 0
    for row in range(table.shape[0]):
        begin = 0
        for column in range(table.shape[1]):
            value = table[row, column]
            if not abs(value) < number_writer.WRITE_LIMIT:
                return -1
            at = number_writer.write(value, target, at)
            end = ends[column]
            store_word(target, at, load_word(source, begin))
            store_word(target, at + 8, load_word(source, begin + 8))
            for i in range(16, end - begin, 8):
                store_word(target, at + i, load_word(source, begin + i))
            at += end - begin
            begin = end
    return at
