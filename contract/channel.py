"""A channel: one named input of a training job, and its files as byte streams.

Source: "Accessing Training Data" and "Input modes", AWS's developer guide.
"""

import gzip
import io
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import BinaryIO, cast

from forecastle.contract.errors import InvalidData, InvalidJob, Stopped
from forecastle.contract.media_type import MediaType
from forecastle.contract.place import Place, Source

GZIP_MAGIC = b"\x1f\x8b"
_POLL_EVERY = 500  # milliseconds


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: its name, and its data in a folder, a single file or, in Pipe mode, the FIFO of the first epoch."""

    name: str
    path: Path
    content_type: MediaType | None = None
    pipe: bool = False
    sharded: bool = False  # whether each host of the job gets only a part of it
    may_be_empty: bool = False  # as one host's part may be

    def streams(self) -> Iterator[tuple[str, BinaryIO]]:
        """Each file's name, which starts with the channel's, and its bytes, decompressed; in the order of the names.

        Files may be at any depth; names that start with a dot, `_SUCCESS` and `*.manifest` are not data. A FIFO is read
        once. Raises `InvalidJob` if there is no readable file, or something other than a file, and `InvalidData` for a
        damaged gzip file.
        """
        files = self._files()
        before, total = 0, sum(map(_size, files))
        for path in files:
            name = self._name(path)
            with closing(self._opened(path, name, before, total)) as raw:
                zipped = raw.peek(2)[:2] == GZIP_MAGIC
                yield name, cast(BinaryIO, io.BufferedReader(Unzipped(raw), 1 << 20)) if zipped else raw
            before += _size(path)

    def require(self) -> None:
        """Check before reading. Raises `InvalidJob` if there is nothing to read."""
        self._files()

    def _opened(self, path: Path, name: str, before: int, total: int) -> io.BufferedReader:
        try:
            if self.pipe:
                return io.BufferedReader(_Fifo(path, name, self._stopped), 1 << 20)
            raw = open(path, "rb")  # noqa: SIM115 - streams() closes it, after the caller has read it
        except OSError as error:
            raise _unreadable(name, error) from None
        return self._observed(raw, before, total)

    def _stopped(self) -> bool:
        return False

    def _observed(self, raw: io.BufferedReader, before: int, total: int) -> io.BufferedReader:
        del before, total
        return raw

    def _name(self, path: Path) -> str:
        if self.pipe:
            return self.name
        return path.name if path == self.path else f"{self.name}/{path.relative_to(self.path)}"

    def _files(self) -> list[Path]:
        place: Place = (Source(f"Channel {self.name}"),)
        if self.pipe:
            if not (self.path.exists() and stat.S_ISFIFO(self.path.stat().st_mode)):
                expected = f"a FIFO at {self.path}, as its TrainingInputMode is Pipe"
                raise InvalidJob(place=place, expected=expected)
            return [self.path]
        if not self.path.is_dir():
            if not self.path.exists():
                if self.may_be_empty:
                    return []
                raise InvalidJob(f"there is no file or folder {self.path}.", place=place)
            self._require_file(self.path)
            return [self.path]
        found = [path for path in _walked(self.path, place) if _is_data(path.name)]
        if not found and not self.may_be_empty:
            raise InvalidJob(f"there is no data file in {self.path}.", place=place)
        for path in found:
            self._require_file(path)
        return sorted(found)

    def _require_file(self, path: Path) -> None:
        """Raises `InvalidJob` for a device, and for a FIFO, as opening it would wait for its writer."""
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise _unreadable(self._name(path), error) from None
        if not stat.S_ISREG(mode):
            kind = "a FIFO, which TrainingInputMode Pipe reads" if stat.S_ISFIFO(mode) else "a device or socket"
            name = str(path) if path == self.path else self._name(path)
            raise InvalidJob(place=(Source(name),), expected="a regular file", got=kind)


def _unreadable(name: str, error: OSError) -> InvalidJob:
    return InvalidJob(f"cannot be read ({os.strerror(error.errno or 0)}).", place=(Source(name),))


@dataclass(frozen=True, slots=True)
class ObservedChannel(Channel):
    """A channel that reports how much of it was read, and can be stopped.

    Attributes
    ----------
    progress : called with the share of all bytes that was read, in [0, 1]; not for a FIFO, whose size is unknown.
    stopping : whether the job is being stopped: `streams` then raises `Stopped` instead of waiting for a FIFO.
    """

    progress: Callable[[float], None] = field(kw_only=True, compare=False)
    stopping: Callable[[], bool] = field(kw_only=True, compare=False)

    @classmethod
    def of(cls, channel: Channel, progress: Callable[[float], None], stopping: Callable[[], bool]) -> "ObservedChannel":
        own = {each.name: getattr(channel, each.name) for each in fields(Channel)}
        return cls(**own, progress=progress, stopping=stopping)

    def _stopped(self) -> bool:
        return self.stopping()

    def _observed(self, raw: io.BufferedReader, before: int, total: int) -> io.BufferedReader:
        return io.BufferedReader(_Progress(raw.detach(), self.progress, before, total), 1 << 20)


def _walked(top: Path, place: Place) -> Iterator[Path]:
    """All files below `top`, following links. Raises `InvalidJob` for an unreadable folder and for a loop of links."""

    def refuse(error: OSError) -> None:
        raise InvalidJob(f"{error.filename} cannot be read ({error.strerror}).", place=place)

    paths: dict[Path, frozenset[tuple[int, int]]] = {}  # of each folder: itself and the folders above it
    for name, subfolders, files in os.walk(top, onerror=refuse, followlinks=True):
        folder = Path(name)
        status = folder.stat()
        identity, above = (status.st_dev, status.st_ino), paths.get(folder.parent, frozenset())
        if identity in above and folder.is_symlink():
            raise InvalidJob(f"{folder} is a link to a folder that contains it, a loop.", place=place)
        paths[folder] = above | {identity}
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (folder / name for name in files)


def _is_data(name: str) -> bool:
    return not (name.startswith(".") or name == "_SUCCESS" or name.endswith(".manifest"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Fifo(io.RawIOBase):
    """A FIFO. Its writer may start late and pause for long, so `stopping` is polled."""

    def __init__(self, path: Path, name: str, stopping: Callable[[], bool]) -> None:
        # Opening it does not wait for a writer; poll() below does, and distinguishes "no writer yet" from the end.
        self._raw = open(path, "rb", buffering=0, opener=_without_waiting)  # noqa: SIM115 - close() closes it
        self._name = name
        self._stopping = stopping
        self._ready = select.poll()
        self._ready.register(self._raw, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        arrived = False
        while not arrived:
            if self._stopping():
                raise Stopped("stopped by SIGTERM before all of it was read.", place=(Source(self._name),))
            arrived = bool(self._ready.poll(_POLL_EVERY))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


class _Progress(io.RawIOBase):
    """A file that reports which share of all files was read."""

    def __init__(self, raw: io.RawIOBase, progress: Callable[[float], None], before: int, total: int) -> None:
        self._raw = raw
        self._progress = progress
        self._read = before
        self._total = total

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        count = self._raw.readinto(buffer)
        self._read += count or 0
        self._progress(min(self._read / self._total, 1.0) if self._total else 1.0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Unzipped(io.RawIOBase):
    """The content of a gzip stream. Raises `InvalidData` if it is damaged."""

    def __init__(self, raw: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            return self._file.readinto(buffer)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InvalidData(f"the gzip stream is damaged ({str(error).rstrip('.')}).") from None
