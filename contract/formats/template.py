"""A text with numbers in it, written once for each row of a table."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.compiled import kernel
from contract.formats import number

_NUMBERS_AT_ONCE = 1 << 11  # so few that what they are written to stays in the cache


def fill(texts: Sequence[bytes], table: NDArray[np.floating[Any]], *, separator: bytes = b"") -> bytes:
    """For each row of `table`, (rows, columns), its numbers between the columns + 1 `texts`; `separator` between rows.

    `fill([b'{"score":', b"}"], scores[:, None], separator=b",")` is `{"score":0.9},{"score":1.25}`. Numbers are
    written as `number.write` has it. Raises `ValueError` where one is not finite or not below `number.WRITE_LIMIT`.
    """
    rows, columns = table.shape
    if len(texts) != columns + 1:
        raise ValueError(f"A row of {columns} numbers stands between {columns + 1} texts. Got {len(texts)}.")
    if table.size == 0:
        return b""
    # The text before the first number is written once; behind each row comes what stands between it and the next.
    between = texts[-1] + separator + texts[0]
    pieces = [*texts[1:-1], between]
    text = np.frombuffer(b"".join(pieces), np.uint8)
    ends = np.array(list(accumulate(map(len, pieces))), np.int64)
    table = np.ascontiguousarray(table, np.float64)
    step = max(1, _NUMBERS_AT_ONCE // columns)
    out = np.empty(min(rows, step) * (len(text) + columns * number.LONGEST), np.uint8)
    written = [texts[0]]
    for first in range(0, rows, step):
        end = _fill(text, ends, table[first : first + step], out)
        if end < 0:
            raise ValueError("Only finite numbers of ordinary size can be written.")
        written.append(out[:end].tobytes())
    written[-1] = written[-1][: len(written[-1]) - len(between)] + texts[-1]
    return b"".join(written)


@kernel
def _fill(text: NDArray[np.uint8], ends: NDArray[np.int64], table: NDArray[np.float64], out: NDArray[np.uint8]) -> int:
    """The number of bytes written; -1 where a number cannot be."""
    at = 0
    for row in range(table.shape[0]):
        begin = 0
        for column in range(table.shape[1]):
            value = table[row, column]
            if not abs(value) < number.WRITE_LIMIT:
                return -1
            at = number.write(value, out, at)
            end = ends[column]
            for i in range(end - begin):
                out[at + i] = text[begin + i]
            at += end - begin
            begin = end
    return at
