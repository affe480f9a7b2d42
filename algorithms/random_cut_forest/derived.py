"""What a forest's stored arrays imply: whether they are trees at all, their boxes, depths and spines.

Every kernel but the first relies on `check_links`: nodes are numbered depth first, so a child's number is larger than
its parent's, one loop upwards meets parents before children, and one downwards children before parents.
"""

from typing import NamedTuple

import numpy as np

from forecastle.kernels.arrays import Floats, Integers, Offsets
from forecastle.kernels.compiled import kernel

SOUND, NOT_DEPTH_FIRST, WRONG_SIDE = 0, 1, 2


class Trees(NamedTuple):
    """A forest as the kernels take it that walk from the root; see `Forest` for what each array has.

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
    norms: Floats  # (T,)
    hit_scores: Floats  # (K,)


class Spines(NamedTuple):
    """A forest of one dimension as piecewise functions of the query.

    K leaves v₀ < v₁ < … split the line of a tree into 2K open intervals: number 2k ends at v_k, number 2k + 1 begins
    there and ends at the cut that parts leaf k from leaf k + 1. A query inside an interval is outside of exactly
    those boxes on its path that have v_k as their maximum (minimum): a spine of the tree, which ends in the leaf.

    leaf_values : (K,), scaled.
    last_values : (2K,), the largest query that belongs to an interval.
    offsets : (2K + 1,), the spine of interval i is [offsets[i], offsets[i + 1]), from the root down.
    ranges, weights : a spine's node's range, scaled, and log2(mass of the tree) / (depth of the node + 1).
    """

    leaf_values: Floats
    last_values: Floats
    offsets: Offsets
    ranges: Floats
    weights: Floats


def scale_of(dimensions: int) -> np.float32:
    """A power of two so small that sums of distances over all dimensions stay finite for all float32.

    Scores depend on ratios of distances only, and multiplication by a power of two is exact (of coordinates under
    1e-33, the last bits may go).
    """
    return np.float32(2.0 ** -(3 + (dimensions - 1).bit_length()))


@kernel
def check_links(offsets: Offsets, children: Integers) -> tuple[int, int, int]:
    """The first fault, as (kind, tree, node): a walk through each tree, left before right, meets 0, 1, 2, …"""
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
    """(cuts, 2, d), least and largest corner of each box."""
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
    """The first fault, as (kind, tree, node): all to the left of a cut is <= its value, all to the right is larger."""
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
    """(cuts,), the sum of each box's sides."""
    ranges = np.empty(len(boxes), np.float32)
    for node in range(len(boxes)):
        total = np.float64(0.0)
        for j in range(boxes.shape[2]):
            total += np.float64(boxes[node, 1, j]) - np.float64(boxes[node, 0, j])
        ranges[node] = total
    return ranges


@kernel
def depths(offsets: Offsets, children: Integers) -> tuple[Integers, Integers, Integers]:
    """Levels of each tree, (T,), and depths of cuts, (K − T,), and of leaves, (K,), a root's being 0."""
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
    return levels, of_cuts, of_leaves


@kernel
def hit_scores(offsets: Offsets, leaf_masses: Integers, leaf_depths: Integers) -> tuple[Floats, Floats]:
    """Each tree's norm log2(n), that of a single point being 1, and its score of a point that equals a leaf, of mass m
    at depth D.

    Such a point lies in every box on its path, so nothing is added before the leaf: norm · 1 / D for m = 1, as
    in SageMaker. For m > 1 our own: norm · (1 − (m − 1) / 2n) / (D + log2 m), which falls as m grows and is
    finite at a root that is a leaf, with 1 as the least denominator for a tree of one point.
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


def spines(
    offsets: Offsets,
    children: Integers,
    scaled_cuts: Floats,
    leaf_points: Floats,
    scale: np.float32,
    boxes: Floats,
    node_depths: Integers,
    leaf_depths: Integers,
    norms: Floats,
) -> Spines:
    """The spines of a forest of one dimension; empty ones for more dimensions."""
    nothing = np.empty(0, np.float32)
    if leaf_points.shape[1] > 1:
        return Spines(nothing, nothing, np.zeros(1, np.int64), nothing, nothing)
    values = leaf_points[:, 0] * scale
    outermost = _outermost_leaves(offsets, children)
    last_values = np.full(2 * len(values), np.inf, np.float32)
    last_values[::2] = np.nextafter(values, np.float32(-np.inf))
    starts, ranges, weights = _fill_spines(
        offsets, children, scaled_cuts, boxes, node_depths, leaf_depths, norms, outermost, last_values
    )
    return Spines(values, last_values, starts, ranges, weights)


@kernel
def _outermost_leaves(offsets: Offsets, children: Integers) -> Offsets:
    """(cuts, 2), the first and the last leaf under each cut, counted over the forest."""
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
    offsets: Offsets,
    children: Integers,
    scaled_cuts: Floats,
    boxes: Floats,
    node_depths: Integers,
    leaf_depths: Integers,
    norms: Floats,
    outermost: Offsets,
    last_values: Floats,
) -> tuple[Offsets, Floats, Floats]:
    """Each interval's spine; the cuts' ends of intervals are written to `last_values`."""
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
                weights[free[place]] = norms[tree] / np.float32(node_depths[node] + 1)
                free[place] += 1
            # The leaf to the left of a cut is the last one under its left child.
            link = children[node, 0]
            parted = outermost[offsets[tree] - tree + link, 1] if link >= 0 else offsets[tree] + ~link
            last_values[2 * parted + 1] = scaled_cuts[node]
        for leaf in range(offsets[tree], offsets[tree + 1]):
            for side in range(2):
                weights[free[2 * leaf + side]] = norms[tree] / np.float32(leaf_depths[leaf] + 1)
    return starts, ranges, weights
