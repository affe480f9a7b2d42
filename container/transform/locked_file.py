"""Files that one run writes at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from forecastle.contract.errors import InvalidJob
from forecastle.contract.place import Source

ANOTHER = "another run is writing it."


@contextmanager
def locked(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file that no other run writes. Raises `InvalidJob` with this name."""
    with opened(path, os.O_RDWR | os.O_CREAT, "r+b", name) as file:
        if not (lock(file) and _is_at(file, path)):
            raise InvalidJob(ANOTHER, place=(Source(name),))
        yield file


def opened(path: Path, flags: int, mode: str, name: str | None = None) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return cast(BinaryIO, os.fdopen(os.open(path, flags, 0o644), mode, 2**20))
    except OSError as error:
        text = f"cannot be written ({os.strerror(error.errno or 0)})."
        raise InvalidJob(text, place=(Source(name or str(path)),)) from None


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
