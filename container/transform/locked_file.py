"""Files that one run writes at a time."""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from forecastle.contract.errors import InvalidJob, PlatformError
from forecastle.contract.full_disk import is_full, out_of_space
from forecastle.contract.place import Source

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BUFFER = 2**20  # bytes
ANOTHER = "another run is writing it."


@contextmanager
def locked(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file that no other run writes. Raises `InvalidJob` with this name."""
    with opened(path, os.O_RDWR | os.O_CREAT, "r+b", name) as file:
        if not (lock(file) and _is_at(file, path)):
            raise InvalidJob(ANOTHER, place=(Source(name),))
        yield file


def opened(path: Path, flags: int, mode: str, name: str | None = None) -> BinaryIO:
    """A file whose errors have a name, also those of its buffer. Raises `InvalidJob` if it cannot be opened."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = _Raw(os.open(path, flags, 0o644), mode, name or str(path))
        buffered: io.BufferedIOBase = io.BufferedRandom(raw, BUFFER) if "+" in mode else io.BufferedWriter(raw, BUFFER)
        return cast(BinaryIO, buffered)
    except OSError as error:
        text = f"cannot be written ({os.strerror(error.errno or 0)})."
        raise InvalidJob(text, place=(Source(name or str(path)),)) from None


class _Raw(io.FileIO):
    def __init__(self, descriptor: int, mode: str, shown: str) -> None:
        super().__init__(descriptor, mode)
        self._shown = shown

    def write(self, data: "ReadableBuffer", /) -> Any:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error, self._shown) from error


def _unwritable(error: OSError, name: str) -> PlatformError:
    """The error for a file that could not be written to its end."""
    if is_full(error):
        return out_of_space(name)
    return PlatformError(f"cannot be written ({os.strerror(error.errno or 0)}).", place=(Source(name),))


def lock(file: BinaryIO) -> bool:
    """Whether no other run has the file locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether `path` is still this file: a run that has just ended gave it another name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def cut(file: BinaryIO, size: int) -> None:
    file.seek(size)
    file.truncate()


def size_of(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
