"""Requests of a transform: a pack of records sent to a target, and those found that it refuses."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from forecastle.algorithms.interface import Payload
from forecastle.container.target import Answer
from forecastle.contract.errors import InvalidData, InvalidJob, PayloadTooLarge, PlatformError, UserError
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.contract.transform.packs import Pack, Position
from forecastle.contract.transform.processing import Processing

REFUSALS = (InvalidData, PayloadTooLarge)  # of a record; other errors concern every request
PAUSES = (1.0, 4.0, 15.0)  # seconds before a request is repeated that was not answered
NAMED = re.compile(r"\b(?:row|line|record) (\d+)\b")


class Records(Protocol):
    """Consecutive records of a file: a `Pack`, or rows of a table; `noun` is what their numbers count."""

    @property
    def body(self) -> bytes: ...
    @property
    def count(self) -> int: ...
    @property
    def end(self) -> Position: ...
    @property
    def noun(self) -> str: ...
    def records(self) -> list[tuple[int, bytes]]: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Refused:
    """A record that the target, or a filter, refused, or that is not sent.

    Attributes
    ----------
    record : empty if it is too large to be kept.
    offset, size : its place in the file, decompressed, if it is too large.
    """

    number: int
    record: bytes
    sentence: str
    offset: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Outcome:
    """The answer to a pack.

    Attributes
    ----------
    media_type : the answer's; empty if there is none.
    kept : the places of the answered records in the pack; None if all are.
    """

    answer: bytes
    count: int
    end: Position
    media_type: str = ""
    refused: tuple[Refused, ...] = ()
    kept: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Requests:
    """How packs are sent.

    Attributes
    ----------
    source : the name of the file, for messages.
    most : bytes that a request has at most.
    tolerant : whether refused records are left out; otherwise the first one is an error.
    """

    ask: Callable[[Payload, str], Answer]
    source: str
    media_type: MediaType
    accept: str
    attributes: str
    processing: Processing
    most: int
    tolerant: bool

    def answered(self, pack: Records) -> Outcome:
        """Raises `InvalidData` with the file and the number of the first refused record, unless `tolerant`."""
        if isinstance(pack, Pack) and pack.fault:
            return _not_sent(pack)
        try:
            output, media_type = self._output(pack.body, pack.count)
            return Outcome(output, pack.count, pack.end, media_type)
        except REFUSALS as error:
            return self._in_parts(pack, error)

    def _in_parts(self, pack: Records, error: UserError) -> Outcome:
        """The answers to the records that are not refused, in smaller requests."""
        records = pack.records()
        answers: list[bytes] = []
        media_type = ""
        refused: list[Refused] = []
        kept: list[int] = []
        sentences = _named(error, 0)  # by the record's place in the pack: hints may depend on the place
        place, sizes, usual = 0, _parts(len(records), error), max(1, len(records) // 2)
        while place < len(records):
            size = sizes.pop() if sizes else min(usual, len(records) - place)
            part = records[place : place + size]
            try:
                answer, media_type = self._output(b"".join(record for _, record in part), size)
                answers.append(answer)
                kept.extend(range(place, place + size))
                usual = min(2 * usual, len(records))
            except REFUSALS as error:
                sentences = _named(error, place) | sentences
                if size > 1:
                    sizes += _parts(size, error)
                    usual = max(1, usual // 2)
                    continue
                ((number, record),) = part
                sentence = self._joined(number, record) + sentences.get(place, error.sentence)
                if not self.tolerant:
                    raise InvalidData(f"{self.source}: {pack.noun} {number}: {sentence}") from None
                refused.append(Refused(number, record, sentence))
            place += size
        return Outcome(b"".join(answers), len(records), pack.end, media_type, tuple(refused), tuple(kept))

    def _joined(self, number: int, record: bytes) -> str:
        """What is said first about a row of several lines: a quote that is there by mistake joins them."""
        last = number + record.count(b"\n") - 1
        if self.media_type.essence != CSV or last <= number:
            return ""
        return f"a double quote joins lines {number} to {last}: "

    def _output(self, body: bytes, count: int) -> tuple[bytes, str]:
        """What is written for some records, and its media type."""
        payload = Payload(self.processing.sent(body, count), self.media_type, self.attributes)
        if len(payload.body) > self.most:
            raise PayloadTooLarge(f"has {len(payload.body)} bytes, and --max-payload allows {self.most}.")
        answer = self._asked(payload)
        self._require_all(count, answer)
        output = self.processing.written(body, count, answer.body)
        ended = not output or output.endswith(b"\n") or answer.media_type == RECORDIO
        return output if ended else output + b"\n", answer.media_type

    def _require_all(self, count: int, answer: Answer) -> None:
        """Raise `InvalidJob` if lines of an answer to rows are missing: it would be unknown which ones."""
        if self.media_type.essence not in (CSV, JSON_LINES) or answer.media_type != JSON_LINES:
            return
        if answer.body.count(b"\n") == count:  # the usual case, fast
            return
        found = sum(bool(line.strip()) for line in answer.body.split(b"\n"))
        if found != count:
            raise InvalidJob(f"{self.source}: {count} records were answered with {found} lines of {JSON_LINES}.")

    def _asked(self, payload: Payload) -> Answer:
        for pause in PAUSES:
            try:
                return self.ask(payload, self.accept)
            except PlatformError:
                time.sleep(pause)
        return self.ask(payload, self.accept)


def _not_sent(pack: Pack) -> Outcome:
    """The outcome of a record with a fault."""
    size = 0 if pack.raw else pack.end.offset - pack.begin.offset
    refused = Refused(pack.begin.number, pack.raw, pack.fault, pack.begin.offset, size)
    return Outcome(b"", 1, pack.end, refused=(refused,), kept=())


def _named(error: UserError, before: int) -> dict[int, str]:
    """The sentence without the record's place in the request, by its place in the pack."""
    named = NAMED.search(error.sentence)
    if named is None:
        return {}
    text = error.sentence[: named.start()] + error.sentence[named.end() :].removeprefix(": ").removeprefix(", ")
    return {before + int(named[1]) - 1: text}


def _parts(size: int, error: UserError) -> list[int]:
    """Sizes of requests to try instead of one of so many records, the first one last."""
    if size == 1:
        return [1]
    named = NAMED.search(error.sentence)
    number = int(named[1]) if named else 0
    if 1 <= number <= size:
        return [1, number - 1] if number > 1 else [1]
    return [size - size // 2, size // 2]


def accept_of(media_type: str, processing: Processing) -> str:
    """The Accept header, if neither the user nor the model says one: answers of one record a line."""
    if processing.by_record or media_type in (JSON, RECORDIO):
        return media_type if processing.by_record else f"{media_type}, */*;q=0.5"
    return f"{JSON_LINES}, {CSV};q=0.8, */*;q=0.5"
