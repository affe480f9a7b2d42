"""A job's log on a stream, in the format of SageMaker's built-in algorithms.

Parsers of their logs read ours too: the prefix, the keys of a `#metrics` line and their order are the same.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from forecastle.contract.bar import Bar


class StreamLog:
    """The `JobLog` of a job: lines are written at once, on a terminal with a progress bar below them.

    If the stream's reader closes it (`| head`) or the disk is full, the rest of the log is dropped. `environ` describes
    the terminal.

    Attributes
    ----------
    algorithm : its name in `#metrics` lines; set once it is known.
    """

    def __init__(
        self,
        stream: TextIO,
        host: str,
        environ: Mapping[str, str],
        algorithm: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:  # `now`: Unix time
        self.stream = stream
        self.host = host
        self.algorithm = algorithm
        self._now = now
        self._bar = Bar(stream, environ)
        self._lock = threading.RLock()

    def line(self, text: str) -> None:
        """`[11/21/2026 22:46:22 INFO 139655243061056] text`"""
        self._write(self._prefix("INFO") + text)

    def warning(self, text: str) -> None:
        """`[11/21/2026 22:46:22 WARNING 139655243061056] text`"""
        self._write(self._prefix("WARNING") + text)

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        """`#metrics {"StartTime": …}`, without a prefix; sums are floats, extremes have the values' type."""
        record = {
            "StartTime": since,
            "EndTime": self._now(),
            "Dimensions": {"Algorithm": self.algorithm, "Host": self.host, "Operation": operation},
            "Metrics": {
                name: {"sum": float(sum(measured)), "count": len(measured), "min": min(measured), "max": max(measured)}
                for name, measured in values.items()
            },
        }
        self._write("#metrics " + json.dumps(record))

    def progress(self, share: float, note: str = "") -> None:
        """Draw the progress bar, on a terminal."""
        with self._writing():
            self._bar.draw(share, note)

    def _prefix(self, level: str) -> str:
        clock = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(self._now()))
        return f"[{clock} {level} {threading.get_ident()}] "

    def _write(self, line: str) -> None:
        with self._writing():
            self._bar.erase()
            self.stream.write(line + "\n")
            self.stream.flush()
            self._bar.redraw()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError:  # the job continues without its log
                _silence(self.stream)


def _silence(stream: TextIO) -> None:
    """Redirect the stream, with what it has buffered, to the null device."""
    with suppress(OSError), open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), stream.fileno())
