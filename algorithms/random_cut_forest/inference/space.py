"""Scores where a point has several numbers: a block of points sent through one tree after the other.

A block is first routed to the leaves and brought into their order, so that the points of every node are neighbours.
Then the nodes on the way measure their points, eight at a time: points are in tiles, (d, 8), whose lanes are points, so
that a distance summed over dimensions needs no sum over lanes.
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.derived import Trees
from forecastle.kernels.arrays import LEAST_NORMAL, Floats, Integers, Marks, Offsets
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import (
    LANES,
    SIZES,
    absolute,
    choose,
    fma,
    load,
    maximum,
    minimum,
    spread,
    store,
    within,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.pointer import memory

_VECTOR = SIZES[1]
Places = Offsets
Slices = Offsets  # four integers for each of some nodes: the node, its depth, its points' start and stop in the order


def block_of(dimensions: int) -> int:
    """How many points to score at a time: many to a node, but few enough for their tiles to fit the L2 cache."""
    return max(256, min(4096, 102_400 // dimensions))


@kernel
def score_space(points: Floats, exact: Marks, levels: int, trees: Trees, scores: Floats) -> None:
    """Write the score of each of the points, (n, d), to `scores`, (n,); `exact`, (n,): see `score.score`.

    `levels` is that of the deepest tree.
    """
    offsets, norms = trees.offsets, trees.norms
    count, dimensions = points.shape
    padded = (count + LANES - 1) // LANES * LANES
    tiles = np.zeros(padded * dimensions, np.float32)
    rem, sums = np.empty(padded, np.float32), np.empty(padded, np.float32)
    order = np.empty(2 * count, np.int64)
    most_leaves = 0
    for tree in range(len(norms)):
        most_leaves = max(most_leaves, offsets[tree + 1] - offsets[tree])
    pending = np.empty(4 * (levels + 1), np.int64)
    inner, outer = np.empty(4 * most_leaves, np.int64), np.empty(4 * most_leaves, np.int64)
    scores[:] = 0.0
    for tree in range(len(norms)):  # the arrays outlive it, as `memory` requires
        cut, leaf = offsets[tree] - tree, offsets[tree]
        num_inner, num_outer = _route(
            memory(points),
            count,
            dimensions,
            offsets[tree + 1] - leaf,
            memory(trees.cut_dimensions[cut:]),
            memory(trees.cut_values[cut:]),
            memory(trees.children[cut:]),
            memory(order),
            memory(pending),
            memory(inner),
            memory(outer),
        )
        _tile(memory(points), count, dimensions, trees.scale, memory(order), memory(tiles))
        _measure_all(
            memory(tiles),
            padded,
            dimensions,
            num_inner,
            memory(inner),
            memory(trees.boxes[cut:]),
            memory(trees.box_ranges[cut:]),
            memory(rem),
            memory(sums),
        )
        _add(
            memory(points),
            memory(exact),
            dimensions,
            num_outer,
            memory(outer),
            memory(order),
            memory(rem),
            memory(sums),
            memory(trees.leaf_points[leaf:]),
            memory(trees.hit_scores[leaf:]),
            norms[tree],
            memory(scores),
        )
    for i in range(count):
        scores[i] /= np.float32(len(norms))


@kernel
def _route(
    points: Floats,
    count: int,
    dimensions: int,
    leaves: int,
    cut_dimensions: Integers,
    cut_values: Floats,
    children: Integers,
    order: Places,
    pending: Slices,
    inner: Slices,
    outer: Slices,
) -> tuple[int, int]:
    """Bring the points into the order of their leaves: order[:count], as numbers of rows.

    `inner` and `outer` become the slices of the cuts and of the leaves that any point reaches, parents first; returned
    is how many they are. The points of a node at depth D are in the first half of `order` if D is
    even, else in the second; the node writes them to the other half, on their side of the cut.
    """
    for i in range(count):
        order[i] = i
    num_inner, num_outer, waiting = 0, 0, 1
    _set_slice(pending, 0, 0 if leaves > 1 else ~0, 0, 0, count)
    while waiting > 0:
        waiting -= 1
        link, depth, start, stop = _slice(pending, waiting)
        here = count * (depth & 1)
        if link < 0:
            if here > 0:
                for k in range(start, stop):
                    order[k] = order[here + k]
            _set_slice(outer, num_outer, ~link, depth, start, stop)
            num_outer += 1
            continue
        _set_slice(inner, num_inner, link, depth, start, stop)
        num_inner += 1
        there = count - here
        middle = start + _part(
            points, dimensions, order, here + start, stop - start, cut_dimensions[link], cut_values[link], there + start
        )
        if middle < stop:
            _set_slice(pending, waiting, children[2 * link + 1], depth + 1, middle, stop)
            waiting += 1
        if start < middle:
            _set_slice(pending, waiting, children[2 * link], depth + 1, start, middle)
            waiting += 1
    return num_inner, num_outer


@kernel
def _slice(slices: Slices, place: int) -> tuple[int, int, int, int]:
    return slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3]


@kernel
def _set_slice(slices: Slices, place: int, node: int, depth: int, start: int, stop: int) -> None:
    slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3] = node, depth, start, stop


@kernel
def _part(
    points: Floats, dimensions: int, order: Places, start: int, count: int, dimension: int, cut: np.float32, target: int
) -> int:
    """Copy `count` points to `target` on, those on the left of the cut from the front; how many these are."""
    left = 0
    for k in range(count):
        i = order[start + k]
        goes_left = points[i * dimensions + dimension] <= cut
        order[target + left + (0 if goes_left else count - 1 - k)] = i
        left += goes_left
    return left


@kernel
def _tile(points: Floats, count: int, dimensions: int, scale: np.float32, order: Places, tiles: Floats) -> None:
    """Point order[k] becomes lane k % 8 of tile k // 8, scaled."""
    for k in range(count):
        row, place = order[k] * dimensions, (k // LANES) * LANES * dimensions + k % LANES
        for j in range(dimensions):
            tiles[place + j * LANES] = points[row + j] * scale


@kernel
def _measure_all(
    tiles: Floats,
    padded: int,
    dimensions: int,
    num_inner: int,
    inner: Slices,
    boxes: Floats,
    box_ranges: Floats,
    rem: Floats,
    sums: Floats,
) -> None:
    """What the points have before their leaves: rem and S."""
    for k in range(padded):
        rem[k], sums[k] = 1.0, 0.0
    for visit in range(num_inner):
        node, depth, start, stop = _slice(inner, visit)
        weight = np.float32(1.0) / np.float32(depth + 1)
        _measure(tiles, dimensions, start, stop, boxes, node, box_ranges[node], weight, rem, sums)


@kernel
def _measure(
    tiles: Floats,
    dimensions: int,
    start: int,
    stop: int,
    boxes: Floats,
    node: int,
    box_range: np.float32,
    weight: np.float32,
    rem: Floats,
    sums: Floats,
) -> None:
    """The recursion's step at one node, with gap / range for gap: new rem = rem / (1 + gap / range)."""
    low, high = 2 * node * dimensions, (2 * node + 1) * dimensions
    inverse = spread(np.float32(1.0) / max(box_range, LEAST_NORMAL), _VECTOR)
    for first in range(start // LANES * LANES, stop, LANES):
        gap = _gap(tiles, first * dimensions, boxes, low, high, dimensions, inverse)
        _step(gap, start - first, stop - first, first, weight, rem, sums)


@kernel
def _gap(tiles: Floats, tile: int, boxes: Floats, low: int, high: int, dimensions: int, inverse: Lanes) -> Lanes:
    """Σ distance outside the box · inverse, over dimensions; four sums hide each other's latency."""
    zero: Lanes = spread(np.float32(0.0), _VECTOR)
    a, b, c, d = zero, zero, zero, zero
    whole = dimensions - dimensions % 4
    for j in range(0, whole, 4):
        x = tile + j * LANES
        a = fma(_outside(tiles, x, boxes[low + j], boxes[high + j]), inverse, a)
        b = fma(_outside(tiles, x + LANES, boxes[low + j + 1], boxes[high + j + 1]), inverse, b)
        c = fma(_outside(tiles, x + 2 * LANES, boxes[low + j + 2], boxes[high + j + 2]), inverse, c)
        d = fma(_outside(tiles, x + 3 * LANES, boxes[low + j + 3], boxes[high + j + 3]), inverse, d)
    for j in range(whole, dimensions):
        a = fma(_outside(tiles, tile + j * LANES, boxes[low + j], boxes[high + j]), inverse, a)
    return (a + b) + (c + d)


@kernel
def _outside(tiles: Floats, place: int, least: np.float32, largest: np.float32) -> Lanes:
    """How far each of eight numbers, from tiles[place] on, is outside [least, largest]."""
    x = load(tiles, place, _VECTOR)
    return absolute(x - minimum(maximum(x, least), largest))


@kernel
def _step(gap: Lanes, start: int, stop: int, first: int, weight: np.float32, rem: Floats, sums: Floats) -> None:
    """S + (rem − new rem) / (D + 1) for the lanes [start, stop) of the eight points from `first` on.

    The other lanes belong to other nodes. `gap` is in units of the box's range.
    """
    before = load(rem, first, _VECTOR)
    kept = choose(within(start, stop, _VECTOR), before / (gap + 1.0), before)
    store(rem, first, kept)
    store(sums, first, load(sums, first, _VECTOR) + (before - kept) * spread(weight, _VECTOR))


@kernel
def _add(
    points: Floats,
    exact: Marks,
    dimensions: int,
    num_outer: int,
    outer: Slices,
    order: Places,
    rem: Floats,
    sums: Floats,
    leaf_points: Floats,
    hit_scores: Floats,
    norm: np.float32,
    scores: Floats,
) -> None:
    """Add the tree's score of each point: that of the leaf it equals, else S with the last rem, times the norm."""
    for visit in range(num_outer):
        leaf, depth, start, stop = _slice(outer, visit)
        weight = np.float32(1.0) / np.float32(depth + 1)
        for k in range(start, stop):
            i = order[k]
            if exact[i] and _equal(points, i * dimensions, leaf_points, leaf * dimensions, dimensions):
                scores[i] += hit_scores[leaf]
            else:
                scores[i] += (sums[k] + rem[k] * weight) * norm


@kernel
def _equal(points: Floats, i: int, leaf_points: Floats, leaf: int, dimensions: int) -> bool:
    for j in range(dimensions):  # noqa: SIM110
        if points[i + j] != leaf_points[leaf + j]:
            return False
    return True
