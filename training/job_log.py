"""A job's log on a stream, in the form that SageMaker's built-in algorithms give theirs.

Parsers of those logs read ours: the prefix, the keys of a `#metrics` line and their order are the same.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TextIO

from forecastle.training.bar import Bar


@dataclass(frozen=True, slots=True)
class StreamLog:
    """The `JobLog` of a job: each line goes out as it comes, and on a terminal a bar stands below them.

    Whoever reads it may go (`| head`), or its disk fill up: what is left to say is then said to nobody.
    """

    stream: TextIO
    host: str
    algorithm: str = ""  # its name in #metrics lines
    now: Callable[[], float] = time.time  # Unix time
    bar: Bar = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bar", Bar(self.stream))

    def line(self, text: str) -> None:
        """`[11/21/2026 22:46:22 INFO 139655243061056] text`"""
        self._write(self._prefix("INFO") + text)

    def warning(self, text: str) -> None:
        """A line that somebody should look at."""
        self._write(self._prefix("WARNING") + text)

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        """`#metrics {"StartTime": …}`, without a prefix; sums are floats, extremes as they were measured."""
        record = {
            "StartTime": since,
            "EndTime": self.now(),
            "Dimensions": {"Algorithm": self.algorithm, "Host": self.host, "Operation": operation},
            "Metrics": {
                name: {"sum": float(sum(measured)), "count": len(measured), "min": min(measured), "max": max(measured)}
                for name, measured in values.items()
            },
        }
        self._write("#metrics " + json.dumps(record))

    def progress(self, share: float, note: str = "") -> None:
        """Draw the bar, where there is a terminal."""
        with self._writing():
            self.bar.draw(share, note)

    def _prefix(self, level: str) -> str:
        clock = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(self.now()))
        return f"[{clock} {level} {threading.get_ident()}] "

    def _write(self, line: str) -> None:
        with self._writing():
            self.bar.erase()
            self.stream.write(line + "\n")
            self.stream.flush()
            self.bar.redraw()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError:  # no reason to lose the job
                _silence(self.stream)


def _silence(stream: TextIO) -> None:
    """Let the null device take what the stream could not write, and whatever else comes."""
    with suppress(OSError), open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), stream.fileno())
