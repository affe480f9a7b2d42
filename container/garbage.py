"""Garbage collections of commands.

Most of them visit what was imported, again and again: they take a seventh of a short command's time. The interpreter's
last ones visit all of it, free it piece by piece, and take a quarter.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 500_000  # objects; imports make 200,000


def never_at_exit() -> None:
    """For all commands: leave what is in reference cycles when the process ends to the operating system."""
    atexit.register(gc.freeze)  # the interpreter's last collection runs even if collections are off


def never_collect() -> None:
    """For commands that end soon, and for a server until its model is loaded."""
    gc.disable()


def seldom_collect() -> None:
    """For a training job."""
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
