"""A full disk, as files and SQLite report it."""

import errno
import sqlite3

from forecastle.contract.errors import OutOfSpace

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNWRITTEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC)


def is_full(error: BaseException) -> bool:
    """Whether a write failed because its disk, or the user's quota, is full."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return isinstance(error, OutOfSpace) or getattr(error, "sqlite_errorcode", None) in UNWRITTEN
