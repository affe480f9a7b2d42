"""How a file is split into records: by line, by RecordIO or TFRecord frame, or not at all.

Source: "TransformInput", AWS's API reference.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At

RECORDIO_MAGIC = 0xCED7230A
NEWLINE, SPACE = b"\n "
LENGTH_BITS = 0x1FFFFFFF  # of the second word of a RecordIO header


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

    With `quoted`, line ends between double quotes belong to the record, as in CSV (RFC 4180).
    """

    quoted: bool = False
    noun: ClassVar[str] = "line"

    def end(self, data: bytes, number: int) -> int:  # noqa: ARG002
        end = data.rfind(b"\n") + 1
        if self.quoted and (quotes := data.count(b'"', 0, end)):
            while quotes % 2:
                shorter = data.rfind(b"\n", 0, end - 1) + 1
                quotes -= data.count(b'"', shorter, end)
                end = shorter
        return end

    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        lines = data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        if self.quoted and b'"' in data:
            yield from _joined(lines, number)
            return
        for line in lines:
            if line.strip():
                yield number, line + b"\n"
            number += 1

    def body(self, data: bytes, number: int) -> tuple[bytes, int]:
        if (self.quoted and b'"' in data) or _has_blank_lines(data):
            return Split.body(self, data, number)
        body = data if data.endswith(b"\n") else data + b"\n"
        return body, self.passed(body)

    def passed(self, data: bytes) -> int:
        import numpy as np  # here, as a region imports this module and most regions transform nothing

        return int(np.count_nonzero(np.frombuffer(data, np.uint8) == NEWLINE))  # bytes.count takes ten times as long


def _joined(lines: list[bytes], number: int) -> Iterator[tuple[int, bytes]]:
    """Records of one or more lines: a record is complete if its number of quotes is even."""
    record, quotes, begun = b"", 0, number
    for line in lines:
        if not record and not line.strip():
            begun += 1
            number += 1
            continue
        record += line + b"\n"
        quotes += line.count(b'"')
        number += 1
        if quotes % 2 == 0:
            yield begun, record
            record, quotes, begun = b"", 0, number
    if record:
        yield begun, record


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

    def _invalid(self, number: int) -> InvalidData:
        return InvalidData(place=(At("record", number),), expected=f"a {self.kind} header and a complete record")


@dataclass(frozen=True, slots=True)
class Whole(Split):
    """The file as one record."""

    def end(self, data: bytes, number: int) -> int:  # noqa: ARG002
        return 0

    def records(self, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        yield number, data


SPLITS: dict[str, Split] = {
    "None": Whole(),
    "Line": Lines(),
    "RecordIO": Frames("RecordIO"),
    "TFRecord": Frames("TFRecord"),
}  # by their names in SageMaker
