"""Scores of points of several dimensions: a block of points goes through one tree after another.

A block is first routed to the leaves and sorted by leaf, so that the points of every node are neighbours. Then the
distances to each node's box are computed for eight points at a time: points are in tiles, (d, 8), whose lanes are
points, so that the sum over dimensions needs no sum over lanes.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.random_cut_forest.derived import Trees
from forecastle.kernels.arrays import LEAST_NORMAL, Floats, Integers, Marks, Offsets
from forecastle.kernels.compiled import inlined, kernel
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
Slices = Offsets  # flat, four integers for each of some nodes: node, depth, start and stop of its points in the order


class Block(NamedTuple):
    """n points of d dimensions, and the memory to score them; in kernels, all arrays are pointers.

    Attributes
    ----------
    exact : see `score.score`.
    order : numbers of rows. The points of a node at depth D are in the first half if D is even, else in the second.
    tiles : the points in their order, scaled, as tiles.
    rem, sums : rem and S of each point, in their order.
    pending : nodes still to be routed, at most two for each level.
    inner, outer : the cuts and the leaves that any point reaches.
    """

    size: int  # n
    dimensions: int
    columns: Floats  # (d, n), the points' numbers: a column, which a cut compares, fits the L1 cache
    exact: Marks  # (n,)
    scores: Floats  # (n,)
    order: Integers  # (2·n,)
    tiles: Floats  # (n padded to 8, d)
    rem: Floats  # (n padded to 8,)
    sums: Floats  # (n padded to 8,)
    pending: Slices  # (4·levels,)
    inner: Slices  # (4·leaves,)
    outer: Slices  # (4·leaves,)


class Tree(NamedTuple):
    """A tree of k leaves, as pointers into the arrays of `Trees`."""

    leaves: int
    cut_dimensions: Integers  # (k − 1,)
    cut_values: Floats  # (k − 1,)
    children: Integers  # (k − 1, 2)
    boxes: Floats  # (k − 1, 2, d)
    box_ranges: Floats  # (k − 1,)
    leaf_points: Floats  # (k, d)
    hit_scores: Floats  # (k,)
    norm: np.float32


def block_of(dimensions: int) -> int:
    """The number of points to score at a time: many for each node, but so few that their tiles fit the L2 cache."""
    return max(256, min(4096, 102_400 // dimensions))


@kernel
def score_space(points: Floats, exact: Marks, levels: int, trees: Trees, scores: Floats) -> None:
    """Write the score of each of the points, (n, d), to `scores`, (n,).

    exact : (n,), see `score.score`. levels : of the deepest tree. trees : the forest.
    """
    offsets, norms = trees.offsets, trees.norms
    count, dimensions = points.shape
    padded = (count + LANES - 1) // LANES * LANES
    tiles = np.zeros(padded * dimensions, np.float32)
    rem, sums = np.empty(padded, np.float32), np.empty(padded, np.float32)
    order = np.empty(2 * count, np.int32)
    columns = np.empty(dimensions * count, np.float32)
    for i in range(count):
        for j in range(dimensions):
            columns[j * count + i] = points[i, j]
    most_leaves = 0
    for tree in range(len(norms)):
        most_leaves = max(most_leaves, offsets[tree + 1] - offsets[tree])
    pending = np.empty(4 * (levels + 1), np.int64)
    inner, outer = np.empty(4 * most_leaves, np.int64), np.empty(4 * most_leaves, np.int64)
    scores[:] = 0.0
    # numba frees an array after its last use. Used in each round, these outlive the loop, as `memory` requires.
    for number in range(len(norms)):
        block = Block(
            count,
            dimensions,
            memory(columns),
            memory(exact),
            memory(scores),
            memory(order),
            memory(tiles),
            memory(rem),
            memory(sums),
            memory(pending),
            memory(inner),
            memory(outer),
        )
        cut, leaf = offsets[number] - number, offsets[number]
        tree_ = Tree(
            offsets[number + 1] - leaf,
            memory(trees.cut_dimensions[cut:]),
            memory(trees.cut_values[cut:]),
            memory(trees.children[cut:]),
            memory(trees.boxes[cut:]),
            memory(trees.box_ranges[cut:]),
            memory(trees.leaf_points[leaf:]),
            memory(trees.hit_scores[leaf:]),
            norms[number],
        )
        num_inner, num_outer = _route(block, tree_)
        _tile(block, trees.scale)
        _measure_all(block, padded, tree_, num_inner)
        _add(block, tree_, num_outer)
    for i in range(count):
        scores[i] /= np.float32(len(norms))


@kernel
def _route(block: Block, tree: Tree) -> tuple[int, int]:
    """Sort the points by leaf: order[:count], as numbers of rows.

    `inner` and `outer` become the slices of the cuts and of the leaves that any point reaches, parents first.
    → their numbers. Each cut writes its points to the other half of `order`, separated by their side of the cut.
    """
    count, order, pending = block.size, block.order, block.pending
    for i in range(count):
        order[i] = i
    num_inner, num_outer, waiting = 0, 0, 1
    _set_slice(pending, 0, 0 if tree.leaves > 1 else ~0, 0, 0, count)
    while waiting > 0:
        waiting -= 1
        link, depth, start, stop = _slice(pending, waiting)
        here = count * (depth & 1)
        if link < 0:
            if here > 0:
                for k in range(start, stop):
                    order[k] = order[here + k]
            _set_slice(block.outer, num_outer, ~link, depth, start, stop)
            num_outer += 1
            continue
        _set_slice(block.inner, num_inner, link, depth, start, stop)
        num_inner += 1
        there = count - here
        middle = start + _part(
            block, here + start, stop - start, tree.cut_dimensions[link], tree.cut_values[link], there + start
        )
        if middle < stop:
            _set_slice(pending, waiting, tree.children[2 * link + 1], depth + 1, middle, stop)
            waiting += 1
        if start < middle:
            _set_slice(pending, waiting, tree.children[2 * link], depth + 1, start, middle)
            waiting += 1
    return num_inner, num_outer


@kernel
def _slice(slices: Slices, place: int) -> tuple[int, int, int, int]:
    """Node, depth, start and stop at a place of `slices`, (4·nodes,)."""
    return slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3]


@kernel
def _set_slice(slices: Slices, place: int, node: int, depth: int, start: int, stop: int) -> None:
    """Write node, depth, start and stop to a place of `slices`, (4·nodes,)."""
    slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3] = node, depth, start, stop


@inlined
def _part(block: Block, start: int, count: int, dimension: int, cut: np.float32, target: int) -> int:
    """Copy `count` entries of the order from `start` to `target` on, those on the left of the cut from the front.

    → the number of these.
    """
    column, order = dimension * block.size, block.order
    left = 0
    for k in range(count):
        i = order[start + k]
        goes_left = block.columns[column + i] <= cut
        order[target + left + (0 if goes_left else count - 1 - k)] = i
        left += goes_left
    return left


@kernel
def _tile(block: Block, scale: np.float32) -> None:
    """Write point order[k], scaled, to lane k % 8 of tile k // 8."""
    count, dimensions, order, tiles = block.size, block.dimensions, block.order, block.tiles
    whole = count - count % LANES
    for j in range(dimensions):
        column, place = j * count, j * LANES
        for first in range(0, whole, LANES):
            for lane in range(LANES):
                tiles[place + lane] = block.columns[column + order[first + lane]] * scale
            place += dimensions * LANES
        for k in range(whole, count):
            tiles[place + k - whole] = block.columns[column + order[k]] * scale


@kernel
def _measure_all(block: Block, padded: int, tree: Tree, num_inner: int) -> None:
    """Compute rem and S of all points at their leaves, from the cuts in `inner`."""
    for k in range(padded):
        block.rem[k], block.sums[k] = 1.0, 0.0
    for visit in range(num_inner):
        node, depth, start, stop = _slice(block.inner, visit)
        _measure(block, tree, node, start, stop, np.float32(1.0) / np.float32(depth + 1))


@inlined
def _measure(block: Block, tree: Tree, node: int, start: int, stop: int, weight: np.float32) -> None:
    """The recursion's step at one node, with gap / range for gap: new rem = rem / (1 + gap / range)."""
    dimensions = block.dimensions
    low, high = 2 * node * dimensions, (2 * node + 1) * dimensions
    inverse = spread(np.float32(1.0) / max(tree.box_ranges[node], LEAST_NORMAL), _VECTOR)
    for first in range(start // LANES * LANES, stop, LANES):
        gap = _gap(block.tiles, first * dimensions, tree.boxes, low, high, dimensions, inverse)
        _step(gap, start - first, stop - first, first, weight, block.rem, block.sums)


@kernel
def _gap(tiles: Floats, tile: int, boxes: Floats, low: int, high: int, dimensions: int, inverse: Lanes) -> Lanes:
    """The distances of eight points outside a box, summed over dimensions, times `inverse`.

    tiles, boxes : flat; the points' tile is at `tile`, the box's corners, (d,), at `low` and `high`. Four sums hide
    each other's latency.
    """
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
    """The distance of each of the eight numbers at tiles[place] outside [least, largest]; `tiles` is flat."""
    x = load(tiles, place, _VECTOR)
    return absolute(x - minimum(maximum(x, least), largest))


@kernel
def _step(gap: Lanes, start: int, stop: int, first: int, weight: np.float32, rem: Floats, sums: Floats) -> None:
    """Update rem and S, S + (rem − new rem) / (D + 1), of the lanes [start, stop) of the eight points from `first` on.

    The other lanes belong to other nodes. `gap` is in units of the box's range; `rem` and `sums` are (points,).
    """
    before = load(rem, first, _VECTOR)
    kept = choose(within(start, stop, _VECTOR), before / (gap + 1.0), before)
    store(rem, first, kept)
    store(sums, first, load(sums, first, _VECTOR) + (before - kept) * spread(weight, _VECTOR))


@kernel
def _add(block: Block, tree: Tree, num_outer: int) -> None:
    """Add the tree's score of each point: that of a leaf equal to it, else S with the last rem, times the norm."""
    scores = block.scores
    for visit in range(num_outer):
        leaf, depth, start, stop = _slice(block.outer, visit)
        weight = np.float32(1.0) / np.float32(depth + 1)
        for k in range(start, stop):
            i = block.order[k]
            if block.exact[i] and _equal(block, i, tree.leaf_points, leaf):
                scores[i] += tree.hit_scores[leaf]
            else:
                scores[i] += (block.sums[k] + block.rem[k] * weight) * tree.norm


@kernel
def _equal(block: Block, i: int, leaf_points: Floats, leaf: int) -> bool:
    """Whether point `i` equals a leaf; `leaf_points` is flat."""
    for j in range(block.dimensions):
        if block.columns[j * block.size + i] != leaf_points[leaf * block.dimensions + j]:
            return False
    return True
