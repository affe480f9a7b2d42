"""Files that appear whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from forecastle.contract.errors import InvalidJob, OutOfSpace


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Write `content`, or what it writes when called with a file, beside `path`; then rename it to `path`.

    Whatever goes wrong, `path` is as it was before and nothing is left beside it. Folders on the way are made.
    Raises `OutOfSpace` on a full disk and `InvalidJob` where the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(f"{path}: no space left on the disk it is to be written to.") from error
        if error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ENOTDIR,
            errno.EEXIST,
            errno.EISDIR,
        ):
            raise InvalidJob(f"{path}: cannot be written ({os.strerror(error.errno)}).") from error
        raise
    finally:
        if temporary is not None:
            os.unlink(temporary)
