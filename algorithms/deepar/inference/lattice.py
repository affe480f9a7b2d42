"""The random numbers of a step of many paths: points of a lattice, dealt to the paths in the order of their states.

Independent numbers would leave gaps and clusters among the paths. Here the paths are ordered by the mean that each
expects of the step, and the i-th takes the i-th point of a lattice, shifted by random numbers of the step. Each path's
point is uniform and does not depend on the path's past, so each path has the right distribution; but neighbours, which
are in nearly the same state, go different ways, and together they go all of them.

Only the paths of a group are ordered: groups do not wait for each other, and can run at the same time. All share the
step's shift. Two consecutive groups share a stretch of the lattice, each taking every second point; with only one
stretch for all groups, the points of each group would be too regular.

References: L'Ecuyer, Lécot, Tuffin, "A randomized quasi-Monte Carlo simulation method for Markov chains", Operations
Research 56, 2008; Cranley, Patterson, "Randomization of number theoretic methods for multiple integration", SIAM
Journal on Numerical Analysis 13, 1976.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.kernels.compiled import part
from forecastle.kernels.lanes import LANES, SIZES, bits_of, count_up, exceeds, floats_of, load, store
from forecastle.kernels.philox import Stream, begin_stream, next_word
from forecastle.kernels.pointer import memory

Words = NDArray[np.uint32]

_VECTORS = 9  # of a group, about
_NUMBER_BITS = 7  # of a path in its group
_NO_PATH = 2**32 - 1  # the number of no path, for the random numbers that all paths share
_SIZE = SIZES[1]

PICK, RADIUS, ANGLE, STARTS = range(4)  # rows of words: the number of a draw, in [0, 16); a radius; an angle; others
# The lattice in units of 2⁻³²: fractions of (√5 − 1) / 2 and of the roots of 3, 2, 7, 13 and 11, which are far from all
# fractions with small denominators. The first one gives two rows: picks are its upper four bits, radii the others.
_STEPS = np.array([0x9E3779B9, 0xBB67AE85, 0x6A09E667, 0xA54FF53A, 0x9B05688C, 0x510E527F], np.uint32)


class Group(NamedTuple):
    """Paths that run together."""

    first: int  # vector
    vectors: int
    places: Words  # (lanes,): the point of the path of each rank


@lru_cache(maxsize=64)
def groups_of(vectors: int) -> Sequence[Group]:
    """Groups of nearly equal sizes, of multiples of three vectors but for the last: `paths` has blocks of three."""
    count = -(-vectors // _VECTORS)
    edges = [*(3 * round(vectors * number / count / 3) for number in range(count)), vectors]
    groups = []
    for left in range(0, count, 2):
        pair = list(pairwise(edges[left : left + 3]))
        heights = [(np.arange((stop - first) * LANES) + 0.5) / (stop - first) for first, stop in pair]
        order = np.argsort(np.concatenate(heights), kind="stable")
        places = np.empty(len(order), np.uint32)
        places[order] = np.arange(len(order)) + edges[left] * LANES
        start = 0
        for first, stop in pair:
            groups.append(Group(first, stop - first, places[start : start + (stop - first) * LANES]))
            start += (stop - first) * LANES
    return tuple(groups)


@part
def deal(keys: Floats, places: Words, stream: Stream, step: int, series: int, ranks: Words, words: Words) -> None:
    """Write the random words of each path of a group at a step to `words`, (rows, n).

    keys : (n,), by which the paths are ordered; changed. places : (n,), see `Group`. stream : (11,). series : its
    position in its request. ranks : (n,), scratch memory.
    """
    _rank(keys, ranks)
    for path in range(len(ranks)):
        ranks[path] = places[ranks[path]]
    begin_stream(stream, _NO_PATH, step, series)
    shift, low_bits = next_word(stream), next_word(stream) >> np.uint32(28)
    for path in range(len(ranks)):
        word = np.uint32(ranks[path] * _STEPS[0] + shift)
        words[PICK, path] = word >> np.uint32(28)
        words[RADIUS, path] = np.uint32(word << np.uint32(4)) + low_bits
    for row in range(ANGLE, len(words)):
        shift = next_word(stream)
        for path in range(len(ranks)):
            words[row, path] = np.uint32(ranks[path] * _STEPS[row - 1] + shift)


@part
def _rank(keys: Floats, ranks: Words) -> None:
    """Write the rank of each of `keys`, (n,), to `ranks`, (n,); equal ones are in the order of their paths.

    A path's number replaces the last bits of its key, so that no two are equal.
    """
    numbers, places = memory(keys), memory(ranks.view(np.float32))
    for lane in range(0, len(keys), LANES):
        bits = bits_of(load(numbers, lane, _SIZE))
        bits = ((bits >> _NUMBER_BITS) << _NUMBER_BITS) + count_up(np.uint32(lane), _SIZE)
        store(numbers, lane, floats_of(bits))
    for lane in range(0, len(keys), LANES):
        own = load(numbers, lane, _SIZE)
        rank = bits_of(own) ^ bits_of(own)
        for other in range(len(keys)):
            rank = rank - exceeds(own, numbers[other])  # all bits set are −1
        store(places, lane, floats_of(rank))
