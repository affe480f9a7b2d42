"""Files that appear whole or not at all."""

import errno
import fcntl
import fnmatch
import glob
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from forecastle.contract.errors import InvalidJob
from forecastle.contract.full_disk import is_full, out_of_space
from forecastle.contract.place import Source


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Write `content`, or what it writes when called with a file, to a temporary file; then rename that to `path`.

    On an error, `path` is unchanged and the temporary file is removed. If the process is killed, the next writer of
    `path` removes it. Missing folders are created. Raises `OutOfSpace` if the disk is full, and `InvalidJob` if the
    folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, glob.escape(path.name))
        with _temporary(path) as (file, temporary):
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, path)
    except OSError as error:
        if is_full(error):
            raise out_of_space(str(path)) from error
        if error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ENOTDIR,
            errno.EEXIST,
            errno.EISDIR,
        ):
            text = f"cannot be written ({os.strerror(error.errno)})."
            raise InvalidJob(text, place=(Source(str(path)),)) from error
        raise


def remove_abandoned(folder: Path, name: str) -> None:
    """Remove the temporary files in `folder` whose writers were killed; `name` may be a pattern such as `*.npz`.

    The temporary file of a running writer, in any process, is locked and stays. If the file system has no locks, all
    of them stay.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            temporary = _TEMPORARY.fullmatch(path.name)
            if temporary and fnmatch.fnmatchcase(temporary[1], name):
                with suppress(OSError):
                    _remove_unlocked(path)


def is_temporary(name: str) -> bool:
    """Whether a file's name is that of a temporary file of `write_whole`."""
    return _TEMPORARY.fullmatch(name) is not None


_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}", re.DOTALL)  # as mkstemp names it


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):  # its writer may have renamed it meanwhile
            path.unlink()
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file next to `path`, locked while it is open, and its path; it is removed after an error."""
    file, place = _create_locked(path)
    with file:
        try:
            yield file, place
        except BaseException:
            place.unlink(missing_ok=True)
            raise


def _create_locked(path: Path) -> tuple[BinaryIO, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, Path(name)):
            return os.fdopen(descriptor, "wb"), Path(name)
        os.close(descriptor)  # another writer removed it before it was locked


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
