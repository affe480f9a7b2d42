"""Counter-based random numbers: Philox4x32-10, a function only of a path, a step, a series and a seed.

Reference: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import numpy as np
from numpy.typing import NDArray

from forecastle.kernels.compiled import inlined, kernel, part
from forecastle.kernels.lanes import Bits, Size, count_up, high_product, spread

_FACTOR_0, _FACTOR_1 = 0xD2511F53, 0xCD9E8D57
_KEY_STEP_0, _KEY_STEP_1 = 0x9E3779B9, 0xBB67AE85
Stream = NDArray[
    np.uint32
]  # (11,): four words of the counter, two of the key, the number of used results, four results


@inlined
def random_lanes(path: int, step: int, series: int, key: np.uint64, size: Size) -> tuple[Bits, Bits, Bits, Bits]:
    """Four random words for each of the paths from `path` on, one lane per path; `key` is the seed."""
    first = count_up(np.uint32(path), size)
    second, third, fourth = (spread(np.uint32(step), size), spread(np.uint32(series), size), spread(np.uint32(0), size))
    key_0, key_1 = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    for _ in range(10):
        high_0, low_0 = high_product(first, _FACTOR_0), first * _FACTOR_0
        high_1, low_1 = high_product(third, _FACTOR_1), third * _FACTOR_1
        first, second, third, fourth = high_1 ^ second ^ key_0, low_1, high_0 ^ fourth ^ key_1, low_0
        key_0, key_1 = np.uint32(key_0 + _KEY_STEP_0), np.uint32(key_1 + _KEY_STEP_1)
    return first, second, third, fourth


@kernel
def new_stream(key: np.uint64) -> Stream:
    """A stream of single numbers for `begin_stream`."""
    stream = np.zeros(11, np.uint32)
    stream[4], stream[5] = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    return stream


@kernel
def begin_stream(stream: Stream, path: int, step: int, series: int) -> None:
    """Begin the numbers of a path at a step of a series in `stream`, (11,)."""
    stream[0], stream[1], stream[2], stream[3] = np.uint32(path), np.uint32(step), np.uint32(series), np.uint32(0)
    stream[6] = np.uint32(4)


@kernel
def next_uniform(stream: Stream) -> float:
    """The next number of `stream`, (11,), in (0, 1): an odd multiple of 2⁻³³."""
    return (float(next_word(stream)) + 0.5) * 2.0**-32


@kernel
def next_word(stream: Stream) -> np.uint32:
    """The next 32 random bits of `stream`, (11,)."""
    if stream[6] == 4:
        _refill(stream)
    word = stream[7 + stream[6]]
    stream[6] += np.uint32(1)
    return np.uint32(word)


@part
def _refill(stream: Stream) -> None:
    """Compute the next four results of `stream`, (11,)."""
    first, second, third, fourth = stream[0], stream[1], stream[2], stream[3]
    key_0, key_1 = stream[4], stream[5]
    for _ in range(10):
        product_0, product_1 = np.uint64(first) * np.uint64(_FACTOR_0), np.uint64(third) * np.uint64(_FACTOR_1)
        first, second = np.uint32(product_1 >> np.uint64(32)) ^ second ^ key_0, np.uint32(product_1)
        third, fourth = np.uint32(product_0 >> np.uint64(32)) ^ fourth ^ key_1, np.uint32(product_0)
        key_0, key_1 = np.uint32(key_0 + _KEY_STEP_0), np.uint32(key_1 + _KEY_STEP_1)
    stream[7], stream[8], stream[9], stream[10] = first, second, third, fourth
    stream[3] += np.uint32(1)
    stream[6] = np.uint32(0)
