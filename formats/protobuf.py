"""The wire format of protocol buffers, as far as the message `aialgs.data.Record` needs it.

`data` is (bytes,), and positions are indices into it; a negative one means that the bytes end early or are invalid.
Source: "Encoding", Protocol Buffers documentation.
"""

import numpy as np
from numpy.typing import NDArray

from forecastle.kernels.compiled import kernel

# A tag is number · 8 + wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
FEATURES, LABEL = 1 * 8 + 2, 2 * 8 + 2  # of a Record: entries of a map
ENTRY_KEY, ENTRY_VALUE = 1 * 8 + 2, 2 * 8 + 2
FLOAT32, FLOAT64, INT32, BYTES = 2 * 8 + 2, 3 * 8 + 2, 7 * 8 + 2, 9 * 8 + 2  # of a Value, which has one of these
VALUES, KEYS, SHAPE = 1 * 8, 2 * 8, 3 * 8  # of a tensor: + 2 where packed, + the number's own wire type where not


@kernel
def varint(data: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """A varint of `data`. → its lowest 64 bits as int64, the position after it."""
    value, shift = np.uint64(0), 0
    while i < stop and shift < 70:
        byte = data[i]
        value |= np.uint64(byte & 0x7F) << np.uint64(shift)
        i += 1
        if byte < 0x80:
            return int(np.int64(value)), i
        shift += 7
    return 0, -1


@kernel
def field(data: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int, int]:
    """A field of `data`. → tag, first position of the content and the one after it; groups are not supported."""
    tag, first = varint(data, i, stop)
    if first < 0 or not 8 <= tag < 1 << 32:
        return 0, 0, -1
    wire = tag & 7
    if wire == 0:
        _, last = varint(data, first, stop)
    elif wire == 1:
        last = first + 8
    elif wire == 5:
        last = first + 4
    elif wire == 2:
        length, first = varint(data, first, stop)
        if first < 0 or length < 0 or length > stop - first:
            return 0, 0, -1
        last = first + length
    else:
        last = -1
    return tag, first, (last if last <= stop else -1)


@kernel
def floats(
    data: NDArray[np.uint8], first: int, last: int, kind: int, values: NDArray[np.float32], count: int
) -> tuple[int, int, bool]:
    """Read the values of the tensor `data[first:last]`, of a `kind` such as `FLOAT32`, into `values[count:]`.

    → `count` and their number; the position of an error or -1; whether float32 rounds one of them.
    """
    i, rounded = first, False
    while i < last:
        here = i
        tag, begin, i = field(data, i, last)
        if i < 0:
            return count, here, rounded
        if kind == INT32 and (tag == VALUES or tag == VALUES + 2):
            while begin < i:
                value, begin = varint(data, begin, i)
                if begin < 0:
                    return count, here, rounded
                values[count] = np.float32(np.int32(value))
                rounded |= np.float64(values[count]) != np.float64(np.int32(value))
                count += 1
        elif kind == FLOAT32 and (tag == VALUES + 5 or tag == VALUES + 2):
            if (i - begin) % 4:
                return count, here, rounded
            for at in range(begin, i, 4):
                values[count] = np.uint32(word(data, at)).view(np.float32)
                count += 1
        elif kind == FLOAT64 and (tag == VALUES + 1 or tag == VALUES + 2):
            if (i - begin) % 8:
                return count, here, rounded
            for at in range(begin, i, 8):
                bits = np.uint64(word(data, at)) | np.uint64(word(data, at + 4)) << np.uint64(32)
                number = np.uint64(bits).view(np.float64)
                values[count] = np.float32(number)
                rounded |= np.float64(values[count]) != number
                count += 1
    return count, -1, rounded


@kernel
def word(data: NDArray[np.uint8], at: int) -> int:
    """Four bytes of `data`, little-endian, unsigned."""
    low = np.uint32(data[at]) | np.uint32(data[at + 1]) << np.uint32(8)
    high = np.uint32(data[at + 2]) | np.uint32(data[at + 3]) << np.uint32(8)
    return int(np.int64(low | high << np.uint32(16)))


@kernel
def integers(
    data: NDArray[np.uint8], first: int, last: int, wanted: int, out: NDArray[np.int64], count: int
) -> tuple[int, int]:
    """Read the field `wanted`, keys or shape, of the tensor `data[first:last]` into `out[count:]`.

    → `count` and their number; the position of an error or -1.
    """
    i = first
    while i < last:
        here = i
        tag, begin, i = field(data, i, last)
        if i < 0:
            return count, here
        if tag == wanted or tag == wanted + 2:
            while begin < i:
                value, begin = varint(data, begin, i)
                if begin < 0:
                    return count, here
                out[count] = value
                count += 1
    return count, -1


@kernel
def tensor(
    data: NDArray[np.uint8], first: int, last: int, map_tag: int, name: NDArray[np.uint8]
) -> tuple[int, int, int, int]:
    """Find the tensor under `name`, (length,), in the map `map_tag` of the Record `data[first:last]`.

    → the number of such tensors; the kind of the last one, 0 if it has none, its first position and the one after it.
    For an error: -1, 0, its position, 0.
    """
    found, kind, begin, end = 0, 0, 0, 0
    i = first
    while i < last:
        here = i
        tag, entry, i = field(data, i, last)
        if i < 0:
            return -1, 0, here, 0
        if tag != map_tag:
            continue
        named, tensors, entry_kind, entry_begin, entry_end = False, 0, 0, 0, 0
        while entry < i:
            here = entry
            tag, content, entry = field(data, entry, i)
            if entry < 0:
                return -1, 0, here, 0
            if tag == ENTRY_KEY:
                named = _same(data, content, entry, name)
            elif tag == ENTRY_VALUE:
                while content < entry:
                    here = content
                    tag, inner, content = field(data, content, entry)
                    if content < 0:
                        return -1, 0, here, 0
                    if tag in (FLOAT32, FLOAT64, INT32, BYTES):
                        tensors += 1
                        entry_kind, entry_begin, entry_end = tag, inner, content
        if named:
            found += max(tensors, 1)
            kind, begin, end = entry_kind, entry_begin, entry_end
    return found, kind, begin, end


@kernel
def _same(data: NDArray[np.uint8], first: int, last: int, name: NDArray[np.uint8]) -> bool:
    """Whether `data[first:last]` is `name`, (length,)."""
    same = last - first == len(name)
    for at in range(len(name) if same else 0):
        same = same and data[first + at] == name[at]
    return same
