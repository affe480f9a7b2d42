"""Says that kernels are being compiled: the first use of an installation takes a while, and only the first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from forecastle.kernels.compiling import COMPILATION
from forecastle.training.bar import Bar

NOTE = "compiling kernels, once"
LINE = f"forecastle: {NOTE}: this takes a minute or less; `forecastle compile` does it ahead of the first use."


@contextmanager
def compilation_reported(stream: TextIO) -> Iterator[None]:
    """Tell whoever reads `stream` when kernels are compiled: with a bar on a terminal, else with one line."""
    bar, told = Bar(stream), False
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"

    def tell(running: bool) -> None:
        nonlocal told
        with suppress(OSError, ValueError):  # whoever read it is gone, or it is closed: no reason to end the work
            if terminal:
                bar.draw(COMPILATION.share if running else 1.0, NOTE, steady=False)
            elif not told:
                stream.write(LINE + "\n")
                stream.flush()
            told = True

    with COMPILATION.watched(tell):
        yield
