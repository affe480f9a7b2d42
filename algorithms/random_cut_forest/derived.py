"""What follows from a forest's stored arrays: whether they are trees, their boxes, depths and spines.

Every kernel but the first relies on `check_links`: nodes are numbered depth first, so a child's number is larger than
its parent's; a loop in ascending order visits parents before children, and one in descending order children before
parents. Arguments with the names of `Trees`' or `Forest`'s arrays have their shapes.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.random_cut_forest.changes import Changes
from forecastle.kernels.arrays import Floats, Integers, Offsets
from forecastle.kernels.compiled import kernel

SOUND, NOT_DEPTH_FIRST, WRONG_SIDE = 0, 1, 2


class Trees(NamedTuple):
    """A forest for kernels that walk from the root; see `Forest` for each array.

    T trees of d dimensions with K leaves; coordinates of `boxes` and `box_ranges` are multiplied by `scale`.
    """

    scale: np.float32
    offsets: Offsets  # (T + 1,), `Forest.leaf_offsets`
    cut_dimensions: Integers  # (K − T,)
    cut_values: Floats  # (K − T,)
    children: Integers  # (K − T, 2)
    leaf_points: Floats  # (K, d)
    boxes: Floats  # (K − T, 2, d)
    box_ranges: Floats  # (K − T,)
    changes: Changes
    norms: Floats  # (T,)
    hit_scores: Floats  # (K,)


class Spines(NamedTuple):
    """A forest of one dimension as piecewise functions of the query.

    K leaves v₀ < v₁ < … split the line of a tree into 2K open intervals: number 2k ends at v_k, number 2k + 1 begins
    there and ends at the cut between leaf k and leaf k + 1. A query inside an interval is outside of exactly those
    boxes on its path whose maximum (minimum) is v_k: a spine of the tree, which ends with the leaf.

    leaf_values : (K,), scaled.
    last_values : (2K,), the largest query in an interval.
    offsets : (2K + 1,), the spine of interval i is [offsets[i], offsets[i + 1]), from the root down.
    ranges, weights : (nodes of all spines,), a node's range, scaled, and log2(mass of the tree) / (its depth + 1).
    """

    leaf_values: Floats
    last_values: Floats
    offsets: Offsets
    ranges: Floats
    weights: Floats


class Depths(NamedTuple):
    """The depths of T trees with K leaves; that of a root is 0."""

    levels: Integers  # (T,), of each tree: the largest depth + 1
    cuts: Integers  # (K − T,)
    leaves: Integers  # (K,)


def scale_of(dimensions: int) -> np.float32:
    """A power of two with which sums of distances over all dimensions are finite for all float32.

    Scores depend only on ratios of distances, and multiplication by a power of two is exact (except for the last bits
    of coordinates below 1e-33).
    """
    return np.float32(2.0 ** -(3 + (dimensions - 1).bit_length()))


@kernel
def check_links(offsets: Offsets, children: Integers) -> tuple[int, int, int]:
    """Check that a walk through each tree, left before right, visits nodes and leaves 0, 1, 2, …

    offsets : (T + 1,). children : (K − T, 2), any integers.
    → kind, tree and node of the first error.
    """
    for tree in range(len(offsets) - 1):
        first, leaves = offsets[tree] - tree, offsets[tree + 1] - offsets[tree]
        pending = np.empty(leaves + 1, np.int64)
        pending[0] = 0 if leaves > 1 else ~0
        waiting, next_cut, next_leaf = 1, 0, 0
        while waiting > 0:
            waiting -= 1
            link = pending[waiting]
            if link >= 0:
                if link != next_cut or link >= leaves - 1:
                    return NOT_DEPTH_FIRST, tree, max(next_cut - 1, 0)
                pending[waiting] = children[first + link, 1]
                pending[waiting + 1] = children[first + link, 0]
                waiting += 2
                next_cut += 1
            else:
                if ~link != next_leaf or ~link >= leaves:
                    return NOT_DEPTH_FIRST, tree, max(next_cut - 1, 0)
                next_leaf += 1
        if next_leaf != leaves:
            return NOT_DEPTH_FIRST, tree, 0
    return SOUND, 0, 0


@kernel
def bounding_boxes(offsets: Offsets, children: Integers, leaf_points: Floats) -> Floats:
    """The lower and upper corner of each cut's bounding box, (K − T, 2, d), of `leaf_points`, (K, d)."""
    dimensions = leaf_points.shape[1]
    boxes = np.empty((len(children), 2, dimensions), np.float32)
    for tree in range(len(offsets) - 1):
        first = offsets[tree] - tree
        for node in range(offsets[tree + 1] - tree - 2, first - 1, -1):
            for side in range(2):
                link = children[node, side]
                if link < 0:
                    low = high = leaf_points[offsets[tree] + ~link]
                else:
                    low, high = boxes[first + link, 0], boxes[first + link, 1]
                for j in range(dimensions):
                    boxes[node, 0, j] = low[j] if side == 0 else min(boxes[node, 0, j], low[j])
                    boxes[node, 1, j] = high[j] if side == 0 else max(boxes[node, 1, j], high[j])
    return boxes


@kernel
def check_cuts(
    offsets: Offsets,
    children: Integers,
    cut_dimensions: Integers,
    cut_values: Floats,
    leaf_points: Floats,
    boxes: Floats,
) -> tuple[int, int, int]:
    """Check that all points to the left of a cut are <= its value, and all to the right larger.

    → kind, tree and node of the first error.
    """
    for tree in range(len(offsets) - 1):
        first = offsets[tree] - tree
        for node in range(first, offsets[tree + 1] - tree - 1):
            dimension, value = cut_dimensions[node], cut_values[node]
            left, right = children[node]
            largest = boxes[first + left, 1, dimension] if left >= 0 else leaf_points[offsets[tree] + ~left, dimension]
            least = boxes[first + right, 0, dimension] if right >= 0 else leaf_points[offsets[tree] + ~right, dimension]
            if not largest <= value < least:
                return WRONG_SIDE, tree, node - first
    return SOUND, 0, 0


@kernel
def box_ranges(boxes: Floats) -> Floats:
    """The sum of each box's sides, (K − T,), of `boxes`, (K − T, 2, d)."""
    ranges = np.empty(len(boxes), np.float32)
    for node in range(len(boxes)):
        total = np.float64(0.0)
        for j in range(boxes.shape[2]):
            total += np.float64(boxes[node, 1, j]) - np.float64(boxes[node, 0, j])
        ranges[node] = total
    return ranges


@kernel
def depths(offsets: Offsets, children: Integers) -> Depths:
    """The depths of the trees' nodes."""
    levels = np.ones(len(offsets) - 1, np.int32)
    of_cuts, of_leaves = np.zeros(len(children), np.int32), np.zeros(offsets[-1], np.int32)
    for tree in range(len(offsets) - 1):
        first = offsets[tree] - tree
        for node in range(first, offsets[tree + 1] - tree - 1):
            depth = of_cuts[node] + 1
            for side in range(2):
                link = children[node, side]
                if link >= 0:
                    of_cuts[first + link] = depth
                else:
                    of_leaves[offsets[tree] + ~link] = depth
            levels[tree] = max(levels[tree], depth + 1)
    return Depths(levels, of_cuts, of_leaves)


@kernel
def hit_scores(offsets: Offsets, leaf_masses: Integers, leaf_depths: Integers) -> tuple[Floats, Floats]:
    """Each tree's norm, (T,), and the score of a point that equals a leaf, (K,), of mass m at depth D.

    The norm is log2(n) of n points, 1 for one point. A point that equals a leaf is in every box on its path, so that
    nothing is added before the leaf: norm · 1 / D for m = 1, as in SageMaker. For m > 1 our own formula is
    norm · (1 − (m − 1) / 2n) / (D + log2 m), which decreases with m and is finite for a root that is a leaf, as its
    denominator is at least 1.
    leaf_masses, leaf_depths : (K,).
    """
    norms, scores = np.empty(len(offsets) - 1, np.float32), np.empty(offsets[-1], np.float32)
    for tree in range(len(offsets) - 1):
        n = 0.0
        for leaf in range(offsets[tree], offsets[tree + 1]):
            n += leaf_masses[leaf]
        norm = np.log2(max(n, 2.0))
        norms[tree] = norm
        for leaf in range(offsets[tree], offsets[tree + 1]):
            m = np.float64(leaf_masses[leaf])
            scores[leaf] = norm * (1.0 - (m - 1.0) / (2.0 * n)) / max(leaf_depths[leaf] + np.log2(m), 1.0)
    return norms, scores


def spines(trees: Trees, depths: Depths) -> Spines:
    """The spines of a forest of one dimension; empty ones for more dimensions."""
    nothing = np.empty(0, np.float32)
    if trees.leaf_points.shape[1] > 1:
        return Spines(nothing, nothing, np.zeros(1, np.int64), nothing, nothing)
    values = trees.leaf_points[:, 0] * trees.scale
    last_values = np.full(2 * len(values), np.inf, np.float32)
    last_values[::2] = np.nextafter(values, np.float32(-np.inf))
    outermost = _outermost_leaves(trees.offsets, trees.children)
    starts, ranges, weights = _fill_spines(trees, depths, outermost, trees.cut_values * trees.scale, last_values)
    return Spines(values, last_values, starts, ranges, weights)


@kernel
def _outermost_leaves(offsets: Offsets, children: Integers) -> Offsets:
    """The first and the last leaf below each cut, (K − T, 2), numbered over the forest."""
    outermost = np.empty((len(children), 2), np.int64)
    for tree in range(len(offsets) - 1):
        first = offsets[tree] - tree
        for node in range(offsets[tree + 1] - tree - 2, first - 1, -1):
            for side in range(2):
                link = children[node, side]
                outermost[node, side] = outermost[first + link, side] if link >= 0 else offsets[tree] + ~link
    return outermost


@kernel
def _fill_spines(
    trees: Trees, depths: Depths, outermost: Offsets, scaled_cuts: Floats, last_values: Floats
) -> tuple[Offsets, Floats, Floats]:
    """The offsets, ranges and weights of `Spines`.

    outermost : (K − T, 2). scaled_cuts : (K − T,). last_values : (2K,), written for intervals that end at a cut.
    """
    offsets, children, boxes, norms = trees.offsets, trees.children, trees.boxes, trees.norms
    leaves = offsets[-1]
    starts = np.zeros(2 * leaves + 1, np.int64)
    for node in range(len(children)):
        for side in range(2):
            starts[2 * outermost[node, side] + side + 1] += 1
    for place in range(2 * leaves):
        starts[place + 1] += starts[place] + 1  # the leaf itself
    ranges, weights = np.zeros(starts[-1], np.float32), np.empty(starts[-1], np.float32)
    free = starts[:-1].copy()
    for tree in range(len(offsets) - 1):
        for node in range(offsets[tree] - tree, offsets[tree + 1] - tree - 1):
            for side in range(2):
                place = 2 * outermost[node, side] + side
                ranges[free[place]] = boxes[node, 1, 0] - boxes[node, 0, 0]
                weights[free[place]] = norms[tree] / np.float32(depths.cuts[node] + 1)
                free[place] += 1
            # The leaf to the left of a cut is the last one below its left child.
            link = children[node, 0]
            parted = outermost[offsets[tree] - tree + link, 1] if link >= 0 else offsets[tree] + ~link
            last_values[2 * parted + 1] = scaled_cuts[node]
        for leaf in range(offsets[tree], offsets[tree + 1]):
            for side in range(2):
                weights[free[2 * leaf + side]] = norms[tree] / np.float32(depths.leaves[leaf] + 1)
    return starts, ranges, weights
