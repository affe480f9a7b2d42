"""A transform: every output written from its sources, in order, and kept whatever happens."""

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from forecastle.container.transform.journal import Journal, Mark
from forecastle.container.transform.keeper import Keeper
from forecastle.container.transform.locked_file import ANOTHER, cut, lock, locked, opened, size_of
from forecastle.container.transform.plan import Output, Source, is_special
from forecastle.container.transform.requests import Outcome, Records, Refused
from forecastle.contract.bar import Bar
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.full_disk import is_full, out_of_space
from forecastle.contract.place import Source as At
from forecastle.contract.transform.packs import Position
from forecastle.contract.transform.window import in_order

MISSING = "is missing, though an interrupted run had completed it: discard that run with --restart."
SHORTER = "is shorter than an interrupted run left it: discard that run with --restart."


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reading:
    """A source's packs from a position on, and how they are answered.

    Attributes
    ----------
    done : how many of the source's bytes were read.
    """

    packs: Iterator[Records]
    answer: Callable[[Any], Outcome]
    done: Callable[[], int]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Work:
    """What a run does.

    Attributes
    ----------
    read : opens a source at a position, as a context.
    asked : what the run was asked for, by the names that a refusal to go on uses.
    threads, waiting : requests under way, and those under way or answered and not yet written.
    finish : writes an output from its complete part; None: the part becomes the output.
    """

    outputs: Sequence[Output]
    read: Callable[[Output, Source, Position, ExitStack], Reading]
    asked: Mapping[str, Any]
    threads: int
    waiting: int
    errors: Path | None
    restart: bool
    finish: Callable[[Output, Path], bool] = lambda output, part: False  # noqa: ARG005


@dataclass(slots=True)
class Tally:
    """What a run has done, and its bar."""

    bar: Bar
    total: int
    passed: int = 0  # bytes of sources that are done
    records: int = 0
    refused: int = 0
    earlier: int = 0  # records of an interrupted run
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Records a second."""
        return (self.records - self.earlier) / max(time.monotonic() - self.began, 1e-9)

    def draw(self, done: int) -> None:
        share = min((self.passed + done) / self.total, 0.999) if self.total else 0.0
        refused = f", {self.refused:,} refused" if self.refused else ""
        self.bar.draw(share, f"{self.records:,} records, {self.rate:,.0f}/s{refused}", steady=self.total > 0)


def run(work: Work, tally: Tally) -> None:
    """Write every output. Raises `InvalidData`, `InvalidJob` and `PlatformError`; what is written so far is kept."""
    for output in work.outputs:
        _require_alone(output)
    journals = [_journal(output, work) for output in work.outputs]
    marks = [None if journal is None else journal.read(work.restart) for journal in journals]
    with _errors_file(work, marks) as errors:
        for output, journal, mark in zip(work.outputs, journals, marks, strict=True):
            try:
                if journal is None:
                    _stream(output, work, errors, tally)
                else:
                    _write(
                        output,
                        journal,
                        mark or Mark(errors=sum(map(size_of, _kept(errors, work)))),
                        work,
                        errors,
                        tally,
                    )
            except OSError as error:  # of standard output, or of what the disk has not taken yet
                if is_full(error):
                    raise out_of_space(output.name) from error
                raise
            tally.passed += sum(source.size() for source in output.sources)
        for journal in reversed(journals):  # those that are left if this is interrupted are those of the first outputs
            if journal is not None:
                journal.remove()
        if work.errors is not None and not is_special(work.errors):
            os.replace(_part(work.errors), work.errors)
    tally.bar.draw(1.0)


def _journal(output: Output, work: Work) -> Journal | None:
    if not output.can_go_on:
        return None
    data = {"input": [source.identity() for source in output.sources]}
    return Journal(output.beside("transform"), data | dict(work.asked))


def _stream(output: Output, work: Work, errors: BinaryIO | None, tally: Tally) -> None:
    """Write an output from the beginning: to standard output, or from standard input."""
    if output.path is None:
        _answers(output, Mark(), work, sys.stdout.buffer, errors, tally, _unmarked)
        sys.stdout.buffer.flush()
        return
    if is_special(output.path):
        with opened(output.path, os.O_WRONLY | os.O_CREAT, "wb") as file:
            _answers(output, Mark(), work, file, errors, tally, _unmarked)
        return
    with _part_file(output) as file:
        file.truncate()
        _answers(output, Mark(), work, file, errors, tally, _unmarked)
    _finish(output, work)


def _write(output: Output, journal: Journal, mark: Mark, work: Work, errors: BinaryIO | None, tally: Tally) -> None:
    """Write an output from the mark of an earlier run on."""
    assert output.path is not None
    tally.records += mark.records
    tally.earlier += mark.records
    tally.refused += mark.refused
    if mark.done and not (output.beside("part").exists() or output.path.exists()):
        raise InvalidJob(MISSING, place=(At(output.name),))
    if not mark.done:
        with _part_file(output) as file:
            if size_of(file) < mark.written:
                raise InvalidJob(SHORTER, place=(At(str(output.beside("part"))),))
            cut(file, mark.written)
            keeper = Keeper(journal, [file, *_kept(errors, work)], mark)
            try:
                mark = _answers(output, mark, work, file, errors, tally, keeper.passed)
            except BaseException:
                keeper.close()
                if keeper.mark.records == 0:  # nothing to go on from
                    journal.remove()
                    output.beside("part").unlink()
                raise
            keeper.close()
        journal.write(replace(mark, done=True))
    _finish(output, work)


def _answers(
    output: Output,
    mark: Mark,
    work: Work,
    file: BinaryIO,
    errors: BinaryIO | None,
    tally: Tally,
    passed: Callable[[Mark], None],
) -> Mark:
    """Write the answers to everything after `mark`; `passed` is called with each new mark. Returns the last one."""
    for index, source in enumerate(output.sources):
        if index < mark.source:
            continue
        identity = source.identity()
        with ExitStack() as stack:
            reading = work.read(output, source, mark.position, stack)
            answers = stack.enter_context(closing(in_order(reading.answer, reading.packs, work.threads, work.waiting)))
            for outcome in answers:
                file.write(outcome.answer)
                lines = b"".join(_error_line(source, refused) for refused in outcome.refused)
                if errors is not None:
                    errors.write(lines)
                mark = replace(
                    mark,
                    source=index,
                    offset=outcome.end.offset,
                    number=outcome.end.number,
                    written=mark.written + len(outcome.answer),
                    errors=mark.errors + len(lines),
                    records=mark.records + outcome.count,
                    refused=mark.refused + len(outcome.refused),
                )
                tally.records += outcome.count
                tally.refused += len(outcome.refused)
                tally.draw(reading.done())
                passed(mark)
        if source.identity() != identity:
            raise InvalidData("changed while it was read.", place=(At(source.name),))
        mark = replace(mark, source=index + 1, offset=0, number=1)
    return mark


def _unmarked(mark: Mark) -> None:
    """No mark is kept of a stream."""


@contextmanager
def _part_file(output: Output) -> Iterator[BinaryIO]:
    """The file that becomes the output. Raises `InvalidJob` if another run writes it."""
    assert output.path is not None
    with locked(output.beside("part"), str(output.path)) as file:
        yield file


@contextmanager
def _errors_file(work: Work, marks: Sequence[Mark | None]) -> Iterator[BinaryIO | None]:
    """The file that becomes the one with refused records, as long as the last mark says."""
    if work.errors is None:
        yield None
        return
    if is_special(work.errors):
        with opened(work.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, "wb") as file:
            yield file
        return
    with locked(_part(work.errors), str(work.errors)) as file:
        size = max((mark.errors for mark in marks if mark is not None), default=0)
        if size_of(file) < size:
            raise InvalidJob(SHORTER, place=(At(str(_part(work.errors))),))
        cut(file, size)
        try:
            yield file
        except BaseException:
            if file.tell() == 0:
                _part(work.errors).unlink()
            raise


def _require_alone(output: Output) -> None:
    """Raises `InvalidJob` if another run writes the output, before anything of that run is changed."""
    if output.path is None or not (part := output.beside("part")).exists():
        return
    with suppress(FileNotFoundError), part.open("rb") as file:
        if not lock(file):
            raise InvalidJob(ANOTHER, place=(At(output.name),))


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _finish(output: Output, work: Work) -> None:
    """Give a complete output its name; an earlier run may have done so."""
    part = output.beside("part")
    if part.exists() and not work.finish(output, part):
        assert output.path is not None
        os.replace(part, output.path)
    part.unlink(missing_ok=True)


def _kept(errors: BinaryIO | None, work: Work) -> list[BinaryIO]:
    """The file with refused records, if it is one that an interrupted run leaves."""
    return [] if errors is None or work.errors is None or is_special(work.errors) else [errors]


def _error_line(source: Source, refused: Refused) -> bytes:
    """A refused record as a line of JSON; of one that is too large only its place."""
    record: dict[str, str | int]
    try:
        record = {"record": refused.record.decode().rstrip("\n")}
    except UnicodeDecodeError:
        record = {"record_base64": base64.b64encode(refused.record).decode()}
    if refused.size:
        record = {"offset": refused.offset, "bytes": refused.size}
    content = {"source": source.name, "number": refused.number, "error": refused.sentence, **record}
    # Names that are not UTF-8 have surrogates, which this writes as JSON does.
    return json.dumps(content, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
