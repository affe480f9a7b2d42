"""Copies a process's output to a log stream, line by line as it is written."""

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from forecastle.region.logs.journal import Journal
from forecastle.region.processes import Process

CHUNK = 2**16
KEPT_LINES = 20
END_OF_LOG = "\0"  # a line that marks the end of an event's output; it is not logged, nor is an empty line before it
LONGEST = 2**18  # bytes in a CloudWatch event


class Pump:
    """Reads a process's output to its end, on its own thread."""

    def __init__(
        self,
        process: Process,
        journal: Journal,
        group: str,
        stream: str,
        tree: Path,
        seen: Callable[[Sequence[str]], object],
    ) -> None:
        self._process = process
        self._journal = journal
        self._place = (group, stream)
        self._tree = str(tree)
        self._seen = seen
        self.last: list[str] = []  # the last lines, for the error message if it fails
        self._thread = threading.Thread(target=self._run, name=f"log of {stream}", daemon=True)
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the whole output is in the log."""
        self._thread.join(seconds)

    def _run(self) -> None:
        left = b""
        descriptor = self._process.output.fileno()
        while chunk := os.read(descriptor, CHUNK):
            *lines, left = (left + chunk).split(b"\n")
            while len(left) > LONGEST:
                lines.append(left[:LONGEST])
                left = left[LONGEST:]
            self._write(lines)
        if left:
            self._write([left])
        self._process.output.close()

    def _write(self, lines: list[bytes]) -> None:
        # In SageMaker's container the tree is /opt/ml, so log lines contain that path.
        texts = [line.decode("utf-8", "replace").rstrip("\r").replace(self._tree, "/opt/ml") for line in lines]
        kept = [
            line
            for line, following in zip(texts, [*texts[1:], ""])
            if line != END_OF_LOG and not (line == "" and following == END_OF_LOG)
        ]
        self.last = (self.last + kept)[-KEPT_LINES:]
        # On a full disk, lines are lost but still read: a job whose output is not read would block.
        with suppress(sqlite3.OperationalError):
            if kept:
                self._journal.write(*self._place, kept)
        with suppress(sqlite3.OperationalError):
            self._seen(texts)
