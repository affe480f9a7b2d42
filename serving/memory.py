"""The memory of the process: the garbage collector and the C library's heap.

Source: glibc's `malloc/malloc.c`: each thread may have its own heap, and `malloc_trim` returns the free end of the
first heap only. Other C libraries have neither these functions nor such heaps.
"""

import contextlib
import ctypes
import gc
import time
import weakref
from typing import Any

M_ARENA_MAX = -8
TRIES, PAUSE_SECONDS = 50, 0.01  # until the last references to a model are gone


def freeze_imports() -> None:
    """Exclude all objects, most of them modules, from later garbage collections: visiting them takes long.

    Unlike `freeze_live_objects`, keeps the little garbage that imports leave.
    """
    gc.freeze()


def freeze_live_objects() -> None:
    """Exclude all live objects from later garbage collections, and start these if they were off."""
    gc.collect()
    gc.freeze()
    gc.enable()


def share_one_heap() -> None:
    """Make all threads that are started from now on share one heap of the C library."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def release(model: "weakref.ref[Any]") -> None:
    """Wait until a model is no longer referenced, and return its memory to the operating system."""
    for _ in range(TRIES):
        gc.collect()  # an error that a request raised may refer to it in a cycle
        if model() is None:
            break
        time.sleep(PAUSE_SECONDS)
    else:  # the cycle was frozen
        gc.unfreeze()
        freeze_live_objects()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
