"""Which files are read, and which file each answer goes to."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path, PurePath
from typing import Any, cast

from forecastle.container.request_file import SUFFIXES, media_type_of
from forecastle.contract.channel import GZIP_MAGIC, Unzipped
from forecastle.contract.errors import InvalidJob
from forecastle.contract.media_type import CSV, JSON, MediaType
from forecastle.contract.place import Source as At

STANDARD = "-"  # standard input or output
PARQUET_SUFFIXES = (".parquet", ".parq")
PARQUET_MAGIC = b"PAR1"
PEEKED = 2**20  # bytes in which a file's media type is looked for


@dataclass(frozen=True, slots=True)
class Source:
    """An input file.

    Attributes
    ----------
    path : None for standard input.
    below : its path below the folder that was asked for; its name for a file.
    """

    path: Path | None
    below: PurePath

    @property
    def name(self) -> str:
        """For messages."""
        return "standard input" if self.path is None else str(self.path)

    @property
    def is_parquet(self) -> bool:
        if self.path is None or self.path.suffix.lower() in PARQUET_SUFFIXES:
            return self.path is not None
        with self._raw() as raw:
            return raw.peek(4)[:4] == PARQUET_MAGIC

    def identity(self) -> list[object]:
        """What changes if the file does: its path, size, and time of modification."""
        if self.path is None:
            return [STANDARD]
        status = self.path.stat()
        return [str(self.path.absolute()), status.st_size, status.st_mtime_ns]

    def size(self) -> int:
        return 0 if self.path is None else self.path.stat().st_size

    @contextmanager
    def opened(self) -> "Iterator[tuple[io.BufferedReader[Any], io.BufferedReader[Any]]]":
        """The content, decompressed, and the file itself, whose place is the progress. Raises `InvalidJob`."""
        with self._raw() as raw:
            zipped = raw.peek(2)[:2] == GZIP_MAGIC
            content: io.BufferedReader[Any] = io.BufferedReader(Unzipped(raw), PEEKED) if zipped else raw
            yield content, raw

    def media_type(self, file: "io.BufferedReader[Any]") -> MediaType:
        """The type by its name, or else by what it contains; nothing is read from `file`."""
        suffixes = [suffix.lower() for suffix in self.below.suffixes if suffix.lower() != ".gz"]
        named = SUFFIXES.get(suffixes[-1]) if suffixes else None
        if named is None or named == JSON:  # JSON Lines are often in a file called .json
            named = media_type_of(file.peek(PEEKED)) or CSV
        return MediaType.parse(named)

    def _raw(self) -> "io.BufferedReader[Any]":
        if self.path is None:
            return cast("io.BufferedReader[Any]", sys.stdin.buffer)
        try:
            return cast("io.BufferedReader[Any]", open(self.path, "rb", PEEKED))
        except OSError as error:
            raise InvalidJob(f"cannot be read ({os.strerror(error.errno or 0)}).", place=(At(self.name),)) from None


@dataclass(frozen=True, slots=True)
class Output:
    """A file of answers and the files that they answer, in order.

    Attributes
    ----------
    path : None for standard output.
    """

    path: Path | None
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return "standard output" if self.path is None else str(self.path)

    @property
    def is_parquet(self) -> bool:
        return self.path is not None and self.path.suffix.lower() in PARQUET_SUFFIXES

    def beside(self, suffix: str) -> Path:
        """A hidden file in the same folder."""
        assert self.path is not None
        return self.path.with_name(f".{self.path.name}.{suffix}")


def outputs(data: Sequence[str], out: str | None) -> list[Output]:
    """The plan for `--data` and `--out`. Raises `InvalidJob`."""
    sources = [source for name in data for source in _sources(name)]
    several = len(sources) > 1 or len(data) > 1 or _is_folder(data[0])
    if out == STANDARD or (out is None and data == (STANDARD,)):
        return [Output(None, tuple(sources))]
    if out is not None and not (out.endswith(os.sep) or Path(out).is_dir() or (several and not Path(out).suffix)):
        return [Output(Path(out), tuple(sources))]
    if any(source.path is None for source in sources):
        raise InvalidJob("The answer to standard input needs a file's name: give --out FILE, or leave it out.")
    found: dict[Path, Output] = {}
    for source in sources:
        assert source.path is not None
        folder = source.path.parent if out is None else Path(out) / source.below.parent
        path = folder / _answer_name(source)
        if path in found:
            raise InvalidJob(f"{source.path} and {found[path].sources[0].path} would both be answered in {path}.")
        found[path] = Output(path, (source,))
    return [*found.values()]


def _answer_name(source: Source) -> str:
    name = source.below.name
    if source.below.suffix.lower() in PARQUET_SUFFIXES:
        return f"{source.below.stem}.out{source.below.suffix}"
    return f"{name}.out"


def _is_folder(name: str) -> bool:
    return name != STANDARD and Path(name).is_dir()


def _sources(name: str) -> Iterator[Source]:
    """The files that a name stands for: itself, those that match it, those below it."""
    if name == STANDARD:
        yield Source(None, PurePath(STANDARD))
        return
    path = Path(name)
    if path.is_dir():
        found = [*_below(path)]
        if not found:
            raise InvalidJob("there is no file in it.", place=(At(name),))
        yield from found
        return
    if path.exists() or not has_magic(name):
        if not path.exists():
            raise InvalidJob("there is no such file or folder.", place=(At(name),))
        yield Source(path, PurePath(path.name))
        return
    matches = [Path(match) for match in sorted(glob(name, recursive=True))]  # noqa: PTH207 - also absolute
    files = [match for match in matches if match.is_file() and not _is_answer(match)]
    if not files:
        raise InvalidJob("no file matches it.", place=(At(name),))
    yield from (Source(file, PurePath(file.name)) for file in files)


def _below(folder: Path) -> Iterator[Source]:
    """The files in a folder, at any depth, without hidden ones, SageMaker's markers, and answers to the others."""
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in below.parts)
        if path.is_file() and not (hidden or path.name == "_SUCCESS" or path.suffix == ".manifest" or _is_answer(path)):
            yield Source(path, below)


def _is_answer(path: Path) -> bool:
    """Whether it is the answer to a file beside it."""
    if path.suffix == ".out":
        return path.with_suffix("").exists()
    stem = Path(path.stem)
    return (
        path.suffix in PARQUET_SUFFIXES and stem.suffix == ".out" and path.with_name(stem.stem + path.suffix).exists()
    )
