"""Reports that kernels are being compiled: only the first use of an installation takes that long."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from forecastle.contract.bar import Bar
from forecastle.kernels.compiling import COMPILATION

NOTE = "compiling kernels, once"
LINE = f"forecastle: {NOTE}: this takes a minute or less; `forecastle compile` does it ahead of the first use."


@contextmanager
def compilation_reported(stream: TextIO) -> Iterator[None]:
    """Report on `stream` when kernels are compiled: with a bar on a terminal, else with one line."""
    bar, reported = Bar(stream, os.environ), False

    def report(running: bool) -> None:
        nonlocal reported
        with suppress(OSError, ValueError):  # its reader is gone, or it is closed: go on without
            if bar.visible:
                bar.draw(COMPILATION.share if running else 1.0, NOTE, steady=False)
            elif not reported:
                stream.write(LINE + "\n")
                stream.flush()
            reported = True

    with COMPILATION.watched(report):
        yield
