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
    """

    body: bytes
    count: int
    begin: Position
    end: Position
    split: Split
    raw: bytes

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


def packs(file: BinaryIO, split: Split, limit: Limit, begin: Position = START) -> Iterator[Pack]:
    """The records of a file, in packs as large as `limit` allows. `begin` is the place at which `file` is.

    A pack's end depends only on its beginning and the bytes there. Raises `InvalidData` for a larger record, and for
    one that is incomplete.
    """
    rest, ended, want = b"", False, limit.size
    while True:
        if not ended:
            chunk = file.read() if want is None else file.read(max(0, want - len(rest)))
            ended = want is None or len(rest) + len(chunk) < want
            rest += chunk
        if not rest:
            return
        window = rest if want is None else rest[:want]
        all_of_it = ended and len(window) == len(rest)
        end = len(rest) if all_of_it else split.end(window, begin.number)
        if all_of_it and limit.most is not None and end > limit.most:
            end = 0
        if end == 0:
            if want is None or (limit.most is not None and want >= limit.most):
                raise _too_long(rest, file, split, limit, begin)
            want = 2 * want if limit.most is None else min(2 * want, limit.most)
            continue
        pack = _pack(rest[:end], split, begin)
        if pack.count:
            yield pack
        rest, begin, want = rest[end:], pack.end, limit.size


def alone(found: Iterable[Pack]) -> Iterator[Pack]:
    """The same records, one in each pack, which has the place of its first pack."""
    for pack in found:
        for number, record in pack.records():
            yield Pack(record, 1, Position(pack.begin.offset, number), pack.end, pack.split, record)


def _pack(raw: bytes, split: Split, begin: Position) -> Pack:
    body, count = split.body(raw, begin.number)
    end = Position(begin.offset + len(raw), begin.number + split.passed(raw))
    return Pack(body, count, begin, end, split, raw)


def _too_long(rest: bytes, file: BinaryIO, split: Split, limit: Limit, begin: Position) -> InvalidData:
    """The error for the first record of `rest`, whose size is looked for in a part of what follows."""
    size = f"more than {limit.most}"
    for _ in range(CHUNKS):
        complete = split.end(rest, begin.number)
        if complete:
            size = str(len(next(split.records(rest[:complete], begin.number))[1]))
            break
        if not (chunk := file.read(CHUNK)):
            size = str(len(rest))
            break
        rest += chunk
    return InvalidData(f"{split.noun} {begin.number} has {size} bytes, and {limit.name} allows {limit.most}.")
