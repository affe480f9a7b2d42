"""Random numbers for compiled kernels: SplitMix64, with one stream per tree or reservoir.

A stream is an array of one uint64. Reference: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014.
"""

import numpy as np
import numpy.typing as npt

from forecastle.kernels.compiled import kernel

Stream = npt.NDArray[np.uint64]  # (1,)


@kernel
def stream(seed: np.uint64, number: int) -> Stream:
    """Stream `number` of a seed; the streams of a seed start at unrelated positions."""
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed)
    state[0] = next_bits(state) + np.uint64(number) * np.uint64(0xD1342543DE82EF95)
    state[0] = next_bits(state)
    return state


@kernel
def next_bits(state: Stream) -> np.uint64:
    """64 random bits of the stream `state`, (1,)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z: np.uint64 = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def next_uniform(state: Stream) -> float:
    """A float64 in [0, 1) of the stream `state`, (1,): a multiple of 2⁻⁵³."""
    return float(next_bits(state) >> np.uint64(11)) * 2.0**-53


@kernel
def next_below(state: Stream, bound: int) -> int:
    """An integer in [0, bound) of the stream `state`, (1,); for bounds up to 2³³ its bias is below 2⁻²⁰."""
    return int(next_uniform(state) * bound)
