"""Garbage collections of commands.

Most of them visit what was imported, again and again; with the one at the interpreter's end, which is left out if
collections are off, they take a seventh of a short command's time.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 500_000  # objects; imports make 200,000


def never_collect() -> None:
    """For commands that end soon, and for a server until its model is loaded."""
    atexit.register(gc.disable)
    gc.disable()


def seldom_collect() -> None:
    """For a training job."""
    atexit.register(gc.disable)
    gc.set_threshold(SELDOM)


@contextmanager
def collections_restored() -> Iterator[None]:
    """Afterwards, the process collects as before, until the interpreter ends."""
    enabled, thresholds = gc.isenabled(), gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if enabled:
            gc.enable()
