"""Concatenation of bytes, for large ones without the GIL."""

import ctypes
from collections.abc import Sequence

import numpy as np

LARGE = 2**20  # bytes: copying fewer takes less time than waiting for the GIL


def joined(pieces: Sequence[bytes | memoryview]) -> bytes:
    """`b"".join(pieces)`; large pieces are copied without the GIL, as page faults in new memory take long."""
    size = sum(map(len, pieces))
    if size < LARGE:
        return b"".join(pieces)
    whole = bytes(size)  # the kernel provides its pages when they are first written
    # No other code has a reference to it yet, so it may still be changed.
    address = np.frombuffer(whole, np.uint8).ctypes.data
    target = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
    at = 0
    for piece in pieces:
        target[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    return whole
