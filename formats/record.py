"""A message `aialgs.data.Record`: a tensor of features, and perhaps a label. And what can be wrong with a record."""

import numpy as np
from numpy.typing import NDArray

from forecastle.formats import protobuf
from forecastle.kernels.compiled import kernel

_NAME = np.frombuffer(b"values", np.uint8)
LONGEST_RECORD = 64 << 20  # bytes; the maximum of 10,000 columns takes far less

# What kernels found: nothing wrong, or an error, of the frame or of the record in it.
(
    COMPLETE,
    NO_MAGIC,
    CONTINUED,
    TOO_LONG,
    TRUNCATED,
    MALFORMED,
    MISSING,
    REPEATED,
    NOT_NUMBERS,
    EMPTY,
    SHAPE,
    COLUMNS,
    LENGTHS,
    KEYS,
    WIDTH,
    NOT_FINITE,
    LABEL,
) = range(17)
EXPECTED_AND_GOT = {
    NO_MAGIC: ("a frame, which begins with 0xced7230a", "0x{0:08x}"),
    CONTINUED: ("a frame with a whole record", "one with the continuation flag {0}"),
    TOO_LONG: (f"a record of at most {LONGEST_RECORD} bytes", "one of {0}"),
    TRUNCATED: ("{0} more bytes of a frame", "the end"),
    MALFORMED: ("a protocol buffers message", "other bytes"),
    MISSING: ('a tensor under features["values"]', "none"),
    REPEATED: ('one tensor under features["values"]', "{0}"),
    NOT_NUMBERS: ('a tensor of numbers under features["values"]', "bytes"),
    EMPTY: ("at least one value", "none"),
    SHAPE: ("a shape of one number, the number of columns", "{0} numbers"),
    COLUMNS: ("a shape from 1 to 2147483647", "{0}"),
    LENGTHS: ("as many values as keys, or as the shape if there are no keys", "{0} values for {1}"),
    KEYS: ("keys that ascend within the shape, each once", "{0} after {1}"),
    WIDTH: ("{1} column(s)", "{0}"),
    NOT_FINITE: ("numbers in the range of float32", "another one in column {0}"),
    LABEL: ('one finite number under label["values"]', "something else"),
}


@kernel
def read_record(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    count: int,
    label: NDArray[np.float32],
) -> tuple[int, int, int, int, int, int, bool]:
    """Parse the record `data[first:last]`, (bytes,).

    Its values are written to `values[count:]`, its keys to `keys[count:]`, or -1 if it has none, and its label to
    `label`, (1,), or NaN if it has none.
    → error, its position and two details; number of values; number of columns; whether float32 rounds a value.
    """
    found, kind, begin, end = protobuf.tensor(data, first, last, protobuf.FEATURES, _NAME)
    if found < 0:
        return MALFORMED, begin, 0, 0, 0, 0, False
    if found == 0 or kind == 0:
        return MISSING, first, 0, 0, 0, 0, False
    if found > 1:
        return REPEATED, first, found, 0, 0, 0, False
    if kind == protobuf.BYTES:
        return NOT_NUMBERS, begin, 0, 0, 0, 0, False
    after, bad, rounded = protobuf.floats(data, begin, end, kind, values, count)
    if bad >= 0:
        return MALFORMED, bad, 0, 0, 0, 0, False
    for i in range(count, after):
        if not np.isfinite(values[i]):
            return NOT_FINITE, begin, i - count + 1, 0, 0, 0, False
    fault, detail, other, columns = _columns(data, begin, end, keys, count, after - count)
    if fault != COMPLETE:
        return fault, begin, detail, other, 0, 0, False
    numbers = after - count

    found, kind, begin, end = protobuf.tensor(data, first, last, protobuf.LABEL, _NAME)
    if found < 0:
        return MALFORMED, begin, 0, 0, 0, 0, False
    label[0] = np.nan
    if found:
        at = after
        after, bad, _ = protobuf.floats(data, begin, end, kind, values, at)
        if found > 1 or bad >= 0 or after != at + 1 or not np.isfinite(values[at]):
            return LABEL, begin, 0, 0, 0, 0, False
        label[0] = values[at]
    return COMPLETE, 0, 0, 0, numbers, columns, rounded


@kernel
def _columns(
    data: NDArray[np.uint8], first: int, last: int, keys: NDArray[np.int64], count: int, numbers: int
) -> tuple[int, int, int, int]:
    """Parse the keys of the tensor `data[first:last]`, of `numbers` values, into `keys[count:]`.

    → error and two details; the number of columns by keys and shape.
    """
    after, bad = protobuf.integers(data, first, last, protobuf.KEYS, keys, count)
    end, bad_too = protobuf.integers(data, first, last, protobuf.SHAPE, keys, after)  # temporarily, after the keys
    if bad >= 0 or bad_too >= 0:
        return MALFORMED, 0, 0, 0
    n_keys, n_shape, shape = after - count, end - after, keys[after]
    if n_shape > 1 or (n_keys > 0 and n_shape == 0):
        return SHAPE, n_shape, 0, 0
    if n_shape == 1 and not 1 <= shape <= 2147483647:
        return COLUMNS, shape, 0, 0
    if n_keys == 0 and numbers > 0:
        if n_shape == 1 and shape != numbers:
            return LENGTHS, numbers, shape, 0
        keys[count] = -1
        return COMPLETE, 0, 0, numbers
    if n_shape == 0:
        return EMPTY, 0, 0, 0
    if n_keys != numbers:
        return LENGTHS, numbers, n_keys, 0
    before = -1
    for i in range(count, after):
        if not before < keys[i] < shape:
            return KEYS, keys[i], before, 0
        before = keys[i]
    return COMPLETE, 0, 0, shape
