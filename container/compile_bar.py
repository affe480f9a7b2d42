"""Reports that kernels are being compiled, so that the first use of an installation does not seem to hang."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from forecastle.contract.bar import Bar
from forecastle.kernels.compiling import COMPILATION

NOTE = "compiling kernels, once"
LINE = f"forecastle: {NOTE}: this takes up to a minute; `forecastle compile` does it in advance."


@contextmanager
def compilation_reported(stream: TextIO) -> Iterator[None]:
    """Report on `stream` when kernels are compiled: with a bar on a terminal, else with one line."""
    bar, reported = Bar(stream, os.environ), False

    def report(running: bool) -> None:
        nonlocal reported
        with suppress(OSError, ValueError):  # the stream is closed: continue without a report
            if bar.visible:
                bar.draw(COMPILATION.share if running else 1.0, NOTE, steady=False)
            elif not reported:
                stream.write(LINE + "\n")
                stream.flush()
            reported = True

    with COMPILATION.watched(report):
        yield
