"""Packs: consecutive records of a file that are sent in one request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from forecastle.contract.errors import InvalidData
from forecastle.contract.transform.split import Split

CHUNK, CHUNKS = 2**20, 8


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records of a file.

    Attributes
    ----------
    offset : bytes before it.
    number : the number of the next line or record, from 1.
    """

    offset: int = 0
    number: int = 1


START = Position()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pack:
    """Some records: a request's body.

    Attributes
    ----------
    body, count : without lines of white space; how many records it has.
    begin, end : its place in the file.
    fault : why its only record cannot be sent; empty if it can. `raw` is then empty if the record is too large.
    """

    body: bytes
    count: int
    begin: Position
    end: Position
    split: Split
    raw: bytes
    fault: str = ""

    @property
    def noun(self) -> str:
        """What numbers count."""
        return self.split.noun

    def records(self) -> list[tuple[int, bytes]]:
        """Each record and its number."""
        return [*self.split.records(self.raw, self.begin.number)]


@dataclass(frozen=True, slots=True)
class Limit:
    """How large packs are.

    Attributes
    ----------
    size : bytes that a pack has at most, unless a record is larger; None: there is one pack.
    most : bytes that a record may have; None: any number.
    name : what the message about a larger record calls the limit.
    """

    size: int | None
    most: int | None
    name: str


def packs(
    file: BinaryIO, split: Split, limit: Limit, begin: Position = START, *, tolerant: bool = False
) -> Iterator[Pack]:
    """The records of a file, in packs as large as `limit` allows. `begin` is the place at which `file` is.

    A pack's end depends only on its beginning and the bytes there. A record that is too large, and a line that opens a
    double quote that is not closed, are packs with a fault if `tolerant`. Otherwise they raise `InvalidData`, as does
    an incomplete frame.
    """
    rest, at, ended, want = b"", 0, False, limit.size
    while True:
        window = b""  # so that its memory is free before more is read
        missing = -1 if want is None else want + 1 - (len(rest) - at)  # one more, which tells whether the file ends
        if not ended and (want is None or missing > 0):
            rest, at = rest[at:], 0
            rest += file.read(missing)
            ended = want is None or len(rest) <= want
        window = rest[at:] if want is None else rest[at : at + want]
        if not window:
            return
        all_of_it = ended and at + len(window) == len(rest)
        end = split.last_end(window, begin.number) if all_of_it else split.end(window, begin.number)
        if all_of_it and limit.most is not None and end > limit.most:
            end = 0
        if end == 0:
            if all_of_it or want is None or (limit.most is not None and want >= limit.most):
                rest, at, window = rest[at:], 0, b""
                pack, rest = _faulty(rest, all_of_it, file, split, limit, begin, tolerant)
                begin, want = pack.end, limit.size
                yield pack
            else:
                want = 2 * want if limit.most is None else min(2 * want, limit.most)
            continue
        pack = _pack(window[:end], split, begin)
        if pack.count:
            yield pack
        at, begin, want = at + end, pack.end, limit.size


def alone(found: Iterable[Pack]) -> Iterator[Pack]:
    """The same records, one in each pack, which has the place of its first pack."""
    for pack in found:
        for number, record in pack.records():
            yield Pack(record, 1, Position(pack.begin.offset, number), pack.end, pack.split, record)


def _pack(raw: bytes, split: Split, begin: Position) -> Pack:
    body, count = split.body(raw, begin.number)
    end = Position(begin.offset + len(raw), begin.number + split.passed(raw))
    return Pack(body, count, begin, end, split, raw)


class _Far(Exception):
    """The end of a record was not in the next chunks."""


def _faulty(
    rest: bytes, all_of_it: bool, file: BinaryIO, split: Split, limit: Limit, begin: Position, tolerant: bool
) -> tuple[Pack, bytes]:
    """The first record of `rest`, which cannot be sent, as a pack, and the bytes after it; see `packs`.

    Raises `InvalidData` unless `tolerant`, and then looks for the record's end only in a part of what follows.
    """
    chunks = 0

    def more() -> bytes:
        nonlocal chunks
        chunks += 1
        if chunks > CHUNKS and not tolerant:
            raise _Far
        return file.read(CHUNK)

    try:
        size, after = split.past(rest, more)
        text = str(size)
    except _Far:
        size, after, text = 0, b"", f"more than {limit.most}"
    fault, raw = f"has {text} bytes, and {limit.name} allows {limit.most}.", b""
    if (limit.most is None or size <= limit.most) and split.is_open(line := rest[:size]):
        within = "" if all_of_it else f" within {limit.most} bytes"
        fault, raw = f"opens a double quote that is not closed{within}.", line
    if not tolerant:
        raise InvalidData(f"{split.noun} {begin.number} {fault}")
    end = Position(begin.offset + size, begin.number + 1)
    return Pack(b"", 1, begin, end, split, raw, fault), after
