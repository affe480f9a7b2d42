"""From a process's output to a log stream: each line is there as soon as it is written."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from forecastle.region.logs.journal import Journal
from forecastle.region.processes import Process

CHUNK = 2**16
KEPT_LINES = 20
END_OF_LOG = "\0"  # a line that says that what came before is complete; it is not kept, nor the end of a line before it
LONGEST = 2**18  # bytes of a CloudWatch event


class Pump:
    """Reads a process's output to its end, on a thread of its own."""

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
        self.last: list[str] = []  # its last lines, in case it fails
        self._thread = threading.Thread(target=self._run, name=f"log of {stream}", daemon=True)
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Wait until all that was written is in the log."""
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
        # In SageMaker's container the tree is /opt/ml, and the job's lines say so.
        told = [line.decode("utf-8", "replace").rstrip("\r").replace(self._tree, "/opt/ml") for line in lines]
        kept = [
            line
            for line, following in zip(told, [*told[1:], ""])
            if line != END_OF_LOG and not (line == "" and following == END_OF_LOG)
        ]
        if kept:
            self._journal.write(*self._place, kept)
            self.last = (self.last + kept)[-KEPT_LINES:]
        self._seen(told)
