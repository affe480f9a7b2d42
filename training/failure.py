"""The failure file: why a job failed, for SageMaker's FailureReason.

The user sees its first 1,024 characters there, so its first line is the cause; a traceback follows if the error is a
bug. Source: "How Amazon SageMaker Processes Training Output", AWS's developer guide.
"""

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forecastle.contract.errors import ForecastleError, InvalidJob, OutOfSpace
from forecastle.contract.full_disk import is_full, out_of_space
from forecastle.contract.place import Source
from forecastle.contract.whole_file import remove_abandoned, write_whole

SHOWN = 1024


@contextmanager
def failure_reported(path: Path | None) -> Iterator[None]:
    """Write an exception to `path`, if given, and reraise it as `blame` classifies it.

    The file of an earlier run is removed first, because a warm pool starts the same container again.
    """
    if path is not None:
        remove_abandoned(path.parent, path.name)
        with suppress(OSError):
            path.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        blamed = blame(error)
        if path is not None:
            _write(path, blamed)
        if blamed is error:
            raise
        raise blamed from error


def blame(error: Exception) -> Exception:
    """The platform's or the user's error that caused `error`, such as a full disk; otherwise `error` itself."""
    if isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        return OutOfSpace(f"The machine has too little memory for this job{detail}: use a larger one, or less data.")
    if isinstance(error, OSError) and error.filename is not None:
        place = (Source(str(error.filename)),)
        if is_full(error):
            return out_of_space(str(error.filename))
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return InvalidJob(f"not permitted ({error.strerror}).", place=place)
    return error


def cause(error: Exception) -> str:
    """The error in one line; for a bug, with its place in the sources."""
    if isinstance(error, ForecastleError):
        line = " ".join(error.sentence.split())
    else:
        text = " ".join(traceback.format_exception_only(error)[-1].split())
        frames = traceback.extract_tb(error.__traceback__)
        place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
        line = f"Internal error in forecastle: {text}{place}"
    return line if len(line) < SHOWN else line[: SHOWN - 2] + "…"


def _write(path: Path, error: Exception) -> None:
    text = cause(error) + "\n"
    if not isinstance(error, ForecastleError):
        text += "\n" + "".join(traceback.format_exception(error))
    try:
        write_whole(path, text.encode("utf-8", "backslashreplace"))
    except (ForecastleError, OSError) as hindrance:  # the cause is on stderr in any case
        if not _same_trouble(hindrance, error):
            print(f"forecastle: the failure file was not written: {hindrance}", file=sys.stderr)


def _same_trouble(one: Exception, other: Exception) -> bool:
    """Whether both have the same cause, such as a full disk, which is reported once."""
    numbers = [each.__cause__.errno if isinstance(each.__cause__, OSError) else None for each in (one, other)]
    return numbers[0] is not None and numbers[0] == numbers[1]
