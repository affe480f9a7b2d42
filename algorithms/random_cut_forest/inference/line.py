"""Scores of points of one dimension: sorted queries are matched with the intervals between leaves.

On a path through a tree of one dimension a query is outside of only those boxes that end at the leaf next to it
(`derived.Spines`), all of them by the same gap. As queries are sorted, eight neighbours in one interval are scored
together, and boxes that contain the query are not visited at all.
"""

import numpy as np
import numpy.typing as npt

from forecastle.algorithms.random_cut_forest.derived import Spines
from forecastle.kernels.arrays import LEAST_NORMAL, Floats, Marks, Offsets
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import LANES, SIZES, absolute, load, maximum, spread, store
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.pointer import memory

BLOCK = 16384  # queries that are sorted together
_VECTOR = SIZES[1]
_FEW = 64
_DIGITS = 256

Keys = npt.NDArray[np.uint32]


@kernel
def score_line(
    points: Floats,
    exact: Marks,
    scale: np.float32,
    offsets: Offsets,
    spines: Spines,
    hit_scores: Floats,
    scores: Floats,
) -> None:
    """Write the score of each of the points, (n,), to `scores`, (n,).

    exact : (n,), see `score.score`. offsets : (T + 1,), see `Forest.leaf_offsets`. spines, hit_scores : of the forest,
    the latter (K,).
    """
    known = 0
    for k in range(len(exact)):
        known += exact[k]
    if known in (0, len(exact)):
        _score_alike(points, known > 0, scale, offsets, spines, hit_scores, scores)
        return
    for mark in range(2):
        rows = np.flatnonzero(exact == mark)
        part_scores = np.empty(len(rows), np.float32)
        _score_alike(points[rows], mark == 1, scale, offsets, spines, hit_scores, part_scores)
        scores[rows] = part_scores


@kernel
def _score_alike(
    points: Floats,
    exact: bool,
    scale: np.float32,
    offsets: Offsets,
    spines: Spines,
    hit_scores: Floats,
    scores: Floats,
) -> None:
    """`score_line` for points that are all exact, or all not; its arguments have the same shapes."""
    leaf_values, last_values, spine_offsets = spines.leaf_values, spines.last_values, spines.offsets
    ranges, weights = spines.ranges, spines.weights
    count = len(points)
    order = _ascending(points)
    queries = np.full(count + LANES, np.inf, np.float32)  # padded, as a vector may be loaded from any place
    for k in range(count):
        queries[k] = points[order[k]] * scale
    sums = np.zeros(count + LANES, np.float32)
    few = np.empty(LANES, np.float32)
    for tree in range(len(offsets) - 1):
        leaf, end = offsets[tree], offsets[tree + 1]
        k = 0
        while k < count:
            query = queries[k]
            leaf = _first_not_less(memory(leaf_values), leaf, end, query)
            if leaf < end and leaf_values[leaf] == query:
                # A spine ends with its leaf, whose weight is the score of a point there that is not equal to it.
                found = hit_scores[leaf] if exact else weights[spine_offsets[2 * leaf + 1] - 1]
                while k < count and queries[k] == query:
                    sums[k] += found
                    k += 1
                continue
            # Between leaves: the query belongs to the leaf on its side of the cut.
            interval = 2 * leaf
            nearest = leaf
            if leaf == end or (leaf > offsets[tree] and query <= last_values[2 * leaf - 1]):
                interval -= 1
                nearest -= 1
            value, last = leaf_values[nearest], last_values[interval]
            first, stop = spine_offsets[interval], spine_offsets[interval + 1]
            while k + LANES <= count and queries[k + LANES - 1] <= last:
                store(
                    memory(sums),
                    k,
                    load(memory(sums), k, _VECTOR)
                    + _climb(load(memory(queries), k, _VECTOR), value, memory(ranges), memory(weights), first, stop),
                )
                k += LANES
            if k < count and not queries[k] > last:  # also passes a query that is NaN
                store(
                    memory(few),
                    0,
                    _climb(load(memory(queries), k, _VECTOR), value, memory(ranges), memory(weights), first, stop),
                )
                lane = 0
                while k < count and not queries[k] > last:
                    sums[k] += few[lane]
                    k += 1
                    lane += 1
    for k in range(count):
        scores[order[k]] = sums[k] / np.float32(len(offsets) - 1)


@kernel
def _climb(queries: Lanes, value: np.float32, ranges: Floats, weights: Floats, first: int, stop: int) -> Lanes:
    """The sums of eight queries over the nodes [first, stop) of a spine; `ranges`, `weights` : see `Spines`."""
    gap = absolute(queries - spread(value, _VECTOR))
    rem: Lanes = spread(np.float32(1.0), _VECTOR)
    sums: Lanes = spread(np.float32(0.0), _VECTOR)
    for node in range(first, stop):
        box_range = spread(ranges[node], _VECTOR)
        kept = rem * (box_range / maximum(gap + box_range, LEAST_NORMAL))
        sums = sums + (rem - kept) * spread(weights[node], _VECTOR)
        rem = kept
    return sums


@kernel
def _first_not_less(values: Floats, start: int, end: int, query: np.float32) -> int:
    """The first of the ascending values[start:end] that is >= query, or `end`: a galloping search; `values` is flat."""
    step = 1
    while start + step <= end and values[start + step - 1] < query:
        start += step
        step *= 2
    end = min(start + step, end)
    while start < end:
        middle = (start + end) // 2
        if values[middle] < query:
            start = middle + 1
        else:
            end = middle
    return start


@kernel
def _ascending(points: Floats) -> Keys:
    """The order, (n,), that sorts `points`, (n,): an insertion sort for a few, else a radix sort by bytes."""
    count = len(points)
    order = np.arange(count).astype(np.uint32)
    if count <= _FEW:
        for k in range(1, count):
            place = k
            while place > 0 and points[order[place - 1]] > points[k]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = k
        return order
    keys, other_keys = np.empty(count, np.uint32), np.empty(count, np.uint32)
    other = np.empty(count, np.uint32)
    bits = points.view(np.uint32)
    starts = np.zeros((4, _DIGITS), np.uint32)
    for k in range(count):
        # As unsigned integers, floats ascend once the sign of positive ones is set and negative ones are inverted.
        key = bits[k] ^ (np.uint32(0xFFFFFFFF) if bits[k] >> np.uint32(31) else np.uint32(0x80000000))
        keys[k] = key
        for digit in range(4):
            starts[digit, (key >> np.uint32(8 * digit)) & np.uint32(255)] += 1
    for digit in range(4):
        before = 0
        for d in range(_DIGITS):
            here = starts[digit, d]
            starts[digit, d] = before
            before += here
        for k in range(count):
            d = (keys[k] >> np.uint32(8 * digit)) & np.uint32(255)
            place = starts[digit, d]
            starts[digit, d] += 1
            other_keys[place], other[place] = keys[k], order[k]
        keys, other_keys, order, other = other_keys, keys, other, order
    return order
