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
    def is_stream(self) -> bool:
        """Whether it can be read only once: standard input, a pipe or a device."""
        return self.path is None or not self.path.is_file()

    @property
    def is_parquet(self) -> bool:
        if self.path is None or self.is_stream:
            return False
        if self.path.suffix.lower() in PARQUET_SUFFIXES:
            return True
        with self._raw() as raw:
            return raw.peek(4)[:4] == PARQUET_MAGIC

    def identity(self) -> list[object]:
        """What changes if the file does: its path, size, and time of modification."""
        if self.path is None or self.is_stream:
            return [self.name]
        status = self.path.stat()
        return [str(self.path.absolute()), status.st_size, status.st_mtime_ns]

    def size(self) -> int:
        return 0 if self.path is None or self.is_stream else self.path.stat().st_size

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
            if sys.stdin is None:
                raise InvalidJob("is closed.", place=(At(self.name),))
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

    @property
    def can_go_on(self) -> bool:
        """Whether an interrupted run can go on with it: what was read or written of a stream is gone."""
        return not (self.path is None or is_special(self.path) or any(source.is_stream for source in self.sources))

    def beside(self, suffix: str) -> Path:
        """A hidden file in the same folder."""
        assert self.path is not None
        return self.path.with_name(f".{self.path.name}.{suffix}")


def outputs(data: Sequence[str], out: str | None, errors: Path | None = None) -> list[Output]:
    """The plan for `--data`, `--out` and `--errors`. Raises `InvalidJob`, also if a file would be read and replaced."""
    if data.count(STANDARD) > 1:
        raise InvalidJob("can be read only once.", place=(At(Source(None, PurePath()).name),))
    answers = [Path(name) for name in (out, errors) if name is not None and name != STANDARD]
    sources = [source for name in data for source in _sources(name, answers)]
    found = _outputs(data, sources, out)
    written = [output.path for output in found if output.path is not None] + ([] if errors is None else [errors])
    read = {os.path.realpath(source.path) for source in sources if source.path is not None and not source.is_stream}
    for path in written:
        if path.is_dir():
            raise InvalidJob("is a folder, and would be replaced with a file.", place=(At(str(path)),))
        if os.path.realpath(path) in read:
            raise InvalidJob("is read, and would be replaced: name another file.", place=(At(str(path)),))
    if errors is not None and os.path.realpath(errors) in map(os.path.realpath, written[:-1]):
        raise InvalidJob("--errors and --out name the same file.")
    return found


def is_special(path: Path) -> bool:
    """Whether a file is written in place, such as a pipe or a device, and not replaced."""
    text = str(path.absolute())
    if text.startswith("/dev/") and not text.startswith("/dev/shm/"):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def _outputs(data: Sequence[str], sources: Sequence[Source], out: str | None) -> list[Output]:
    several = len(sources) > 1 or len(data) > 1 or _is_folder(data[0])
    if out == STANDARD or (out is None and tuple(data) == (STANDARD,)):
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


def _sources(name: str, answers: Sequence[Path]) -> Iterator[Source]:
    """The files that a name stands for: itself, those that match it, those below it, without `answers`."""
    if name == STANDARD:
        yield Source(None, PurePath(STANDARD))
        return
    path = Path(name)
    if path.exists() and not path.is_dir():
        yield Source(path, PurePath(path.name))
        return
    if path.is_dir():
        found = [Source(file, file.relative_to(path)) for file in _below(path) if not _among(file, answers, path)]
        missing = "there is no file in it."
    elif has_magic(name):
        matches = [Path(match) for match in sorted(glob(name, recursive=True))]  # noqa: PTH207 - also absolute
        found = [Source(file, PurePath(file.name)) for file in matches if file.is_file() and not _among(file, answers)]
        missing = "no file matches it."
    else:
        found, missing = [], "there is no such file or folder."
    found = [source for source in found if source.path is not None and not _is_answer(source.path)]
    if not found:
        raise InvalidJob(missing, place=(At(name),))
    yield from found


def _below(folder: Path) -> Iterator[Path]:
    """The files in a folder, at any depth, without hidden ones and SageMaker's markers."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not (hidden or path.name == "_SUCCESS" or path.suffix == ".manifest"):
            yield path


def _among(path: Path, answers: Sequence[Path], folder: Path | None = None) -> bool:
    """Whether a file is one of `answers` or in one that is a folder, unless `folder` is in that folder itself."""
    for answer in map(Path.resolve, answers):
        if path.resolve().is_relative_to(answer) and not (folder and folder.resolve().is_relative_to(answer)):
            return True
    return False


def _is_answer(path: Path) -> bool:
    """Whether it is the answer to a file beside it."""
    if path.suffix == ".out":
        return path.with_suffix("").exists()
    stem = Path(path.stem)
    return (
        path.suffix in PARQUET_SUFFIXES and stem.suffix == ".out" and path.with_name(stem.stem + path.suffix).exists()
    )
