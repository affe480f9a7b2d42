"""The C library's heap, and what of it goes back to the machine.

Source: glibc's `malloc/malloc.c`: each thread may have a heap of its own, and `malloc_trim` gives back the free end of
the first one alone. Other C libraries have no such calls, nor such heaps.
"""

import contextlib
import ctypes

M_ARENA_MAX = -8


def have_one() -> None:
    """Let all threads that are started from here on share one heap."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Give what is free to the machine."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
