"""How a file is split into records: by line, by RecordIO or TFRecord frame, or not at all.

Source: "TransformInput", AWS's API reference.
"""

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At

RECORDIO_MAGIC = 0xCED7230A
NEWLINE, SPACE, QUOTE, COMMA = b'\n ",'
LENGTH_BITS = 0x1FFFFFFF  # of the second word of a RecordIO header
HEADER_BYTES = 12  # which contain the length of a frame of either kind
LARGE = 2**23  # bytes of rows, of which a list of their ends would take too much memory
# A row of CSV, perhaps after a byte order mark. As in Python's csv, quotes enclose a field only if it begins with one.
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^,\n]*+|[^",\n][^,\n]*+)?+'
ROW = re.compile(rb"(?:\xef\xbb\xbf)?+" + _FIELD + rb"(?:," + _FIELD + rb")*+\n")


class Split(ABC):
    """A way to split bytes that begin with a record.

    Attributes
    ----------
    noun : what numbers count: lines of a text, blank ones included, or records.
    """

    noun: ClassVar[str] = "record"

    @abstractmethod
    def end(self, data: bytes, number: int) -> int:
        """The index after the last whole record of `data`, whose first record has that number; 0 if there is none."""

    def last_end(self, data: bytes, number: int) -> int:  # noqa: ARG002
        """`end` of data after which the file ends; less than its length if the last record is never complete."""
        return len(data)

    @abstractmethod
    def past(self, data: bytes, more: Callable[[], bytes]) -> tuple[int, bytes]:
        """The size of the first record of `data`, and the bytes after it.

        `more` reads on; it returns nothing at the end of the file. What it returns is not kept in memory.
        """

    def is_open(self, line: bytes) -> bool:  # noqa: ARG002
        """Whether a line ends within a field in double quotes."""
        return False

    @abstractmethod
    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        """The records of `data` with their numbers. Raises `InvalidData` with the number of an incomplete one."""

    def body(self, data: bytes, number: int) -> tuple[bytes, int]:
        """`data` as a request's body, and its number of records."""
        found = [record for _, record in self.records(data, number)]
        return b"".join(found), len(found)

    def passed(self, data: bytes) -> int:
        """By how much the numbers grow over `data`, which ends with a record."""
        return sum(1 for _ in self.records(data, 1))


@dataclass(frozen=True, slots=True)
class Lines(Split):
    """One record a line; lines of white space are no records.

    With `quoted`, line ends in a field in double quotes belong to the record, as in CSV (RFC 4180).
    """

    quoted: bool = False
    noun: ClassVar[str] = "line"

    def end(self, data: bytes, number: int) -> int:  # noqa: ARG002
        if self.quoted and b'"' in data:
            return _rows(data)[1]
        return data.rfind(b"\n") + 1

    def last_end(self, data: bytes, number: int) -> int:
        if self.quoted and b'"' in data:
            return min(self.end(_ended(data), number), len(data))
        return len(data)

    def past(self, data: bytes, more: Callable[[], bytes]) -> tuple[int, bytes]:
        size = 0
        while not (end := data.find(b"\n") + 1):
            size += len(data)
            data = more()
            if not data:
                return size, b""
        return size + end, data[end:]

    def is_open(self, line: bytes) -> bool:
        return self.quoted and b'"' in line and ROW.match(_ended(line)) is None

    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        data = _ended(data)
        if self.quoted and b'"' in data:
            begin = 0
            for end in _row_ends(data):
                record = data[begin:end]
                if record.strip():
                    yield number, record
                number += record.count(b"\n")
                begin = end
            return
        for line in data.split(b"\n")[:-1]:
            if line.strip():
                yield number, line + b"\n"
            number += 1

    def body(self, data: bytes, number: int) -> tuple[bytes, int]:
        if _has_blank_lines(data):
            return Split.body(self, data, number)
        body = _ended(data)
        return body, _rows(body)[0] if self.quoted and b'"' in body else self.passed(body)

    def passed(self, data: bytes) -> int:
        import numpy as np  # here, as a region imports this module and most regions transform nothing

        return int(np.count_nonzero(np.frombuffer(data, np.uint8) == NEWLINE))  # bytes.count takes ten times as long


def _ended(text: bytes) -> bytes:
    """The same lines, of which also the last one has an end."""
    return text if text.endswith(b"\n") or not text else text + b"\n"


def _rows(data: bytes) -> tuple[int, int]:
    """How many whole rows of CSV there are, and the index after the last one."""
    if len(data) <= LARGE:
        ends = _row_ends(data)
        return len(ends), max(ends[-1:], default=0)
    count = end = 0
    while row := ROW.match(data, end):
        count, end = count + 1, row.end()
    return count, end


def _row_ends(data: bytes) -> list[int]:
    """The index after each whole row of CSV."""
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    opening = quotes[::2]
    before = np.where(opening == 0, NEWLINE, text[opening - 1])
    if np.all((before == COMMA) | (before == NEWLINE) | (before == QUOTE)):
        lines = np.flatnonzero(text == NEWLINE)
        ends: list[int] = (lines[np.searchsorted(quotes, lines) % 2 == 0] + 1).tolist()
        return ends
    ends, end = [], 0  # there are quotes within fields
    while row := ROW.match(data, end):
        end = row.end()
        ends.append(end)
    return ends


def _has_blank_lines(data: bytes) -> bool:
    """Whether there may be some: an indented line counts as well."""
    import numpy as np

    characters = np.frombuffer(data, np.uint8)
    return data[:1].isspace() or bool(np.any((characters[:-1] == NEWLINE) & (characters[1:] <= SPACE)))


@dataclass(frozen=True, slots=True)
class Frames(Split):
    """Frames with a header that contains their length."""

    kind: str  # RecordIO or TFRecord

    def end(self, data: bytes, number: int) -> int:
        return max(self._ends(data, number), default=0)

    def past(self, data: bytes, more: Callable[[], bytes]) -> tuple[int, bytes]:
        while len(data) < HEADER_BYTES and (read := more()):
            data += read
        size, have = self._size(data), len(data)
        while have < size and (data := more()):
            have += len(data)
        return min(size, have), data[len(data) - max(0, have - size) :]

    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        begin = 0
        for end in self._ends(data, number):
            yield number, data[begin:end]
            begin, number = end, number + 1
        if begin < len(data):
            raise self._invalid(number)

    def body(self, data: bytes, number: int) -> tuple[bytes, int]:
        ends = [*self._ends(data, number)]
        if max(ends, default=0) < len(data):
            raise self._invalid(number + len(ends))
        return data, len(ends)

    def passed(self, data: bytes) -> int:
        return sum(1 for _ in self._ends(data, 1))

    def _ends(self, data: bytes, number: int) -> Iterator[int]:
        """The index after each whole frame."""
        end, size = 0, len(data)
        if self.kind == "RecordIO":
            words = struct.Struct("<II").unpack_from
            while size - end >= 8:
                magic, length = words(data, end)
                if magic != RECORDIO_MAGIC:
                    raise self._invalid(number)
                end += 8 + ((length & LENGTH_BITS) + 3 & ~3)
                if end > size:
                    return
                yield end
                number += 1
            return
        length_of = struct.Struct("<Q").unpack_from
        while size - end >= 12:
            (length,) = length_of(data, end)
            end += 16 + length
            if end > size:
                return
            yield end

    def _size(self, data: bytes) -> int:
        """The size of the first frame by its header."""
        if len(data) < HEADER_BYTES:
            return len(data)
        if self.kind == "RecordIO":
            _, length = struct.unpack_from("<II", data)
            return 8 + (int(length & LENGTH_BITS) + 3 & ~3)
        return 16 + int(struct.unpack_from("<Q", data)[0])

    def _invalid(self, number: int) -> InvalidData:
        return InvalidData(place=(At("record", number),), expected=f"a {self.kind} header and a complete record")


@dataclass(frozen=True, slots=True)
class Whole(Split):
    """The file as one record."""

    def end(self, data: bytes, number: int) -> int:  # noqa: ARG002
        return 0

    def past(self, data: bytes, more: Callable[[], bytes]) -> tuple[int, bytes]:
        size = len(data)
        while read := more():
            size += len(read)
        return size, b""

    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        yield number, data


SPLITS: dict[str, Split] = {
    "None": Whole(),
    "Line": Lines(),
    "RecordIO": Frames("RecordIO"),
    "TFRecord": Frames("TFRecord"),
}  # by their names in SageMaker
