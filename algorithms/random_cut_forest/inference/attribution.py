"""Attribution of scores to columns: the recursion of `score` with p split by dimension and side.

A point that equals a leaf is in every box on its path: none of its values is too high or too low. Its score is
attributed in the tree without that leaf, whose boxes are those of the siblings on the path: the shares of the recursion
there are scaled to the score.
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.derived import Trees
from forecastle.kernels.arrays import LEAST_NORMAL, Floats, Marks, Offsets
from forecastle.kernels.compiled import kernel

BLOCK = 64  # points


@kernel
def attribute_block(points: Floats, exact: Marks, trees: Trees, high: Floats, low: Floats) -> None:
    """Add each column's shares in the scores to `high` and `low`, (n, d), which are zeros before.

    points : (n, d). exact : (n,), see `score.score`. trees : the forest.
    """
    scale, offsets, children, leaf_points = trees.scale, trees.offsets, trees.children, trees.leaf_points
    boxes, box_ranges, norms = trees.boxes, trees.box_ranges, trees.norms
    count, dimensions = points.shape
    num_trees = len(norms)
    row, leaf_row = np.empty(dimensions, np.float32), np.empty(dimensions, np.float32)
    box, shares = np.empty((2, dimensions), np.float32), np.empty((2, dimensions), np.float32)
    most_leaves = 0
    for tree in range(num_trees):
        most_leaves = max(most_leaves, offsets[tree + 1] - offsets[tree])
    siblings = np.empty(most_leaves, np.int64)  # links, from the root's child on
    for i in range(count):
        for j in range(dimensions):
            row[j] = points[i, j] * scale
        for tree in range(num_trees):
            link, depth, rem = 0, 0, np.float32(1.0)
            if offsets[tree + 1] - offsets[tree] == 1:
                link = ~0
            while link >= 0:
                node = offsets[tree] - tree + link
                gap = _gap(row, boxes[node, 0], boxes[node, 1])
                if gap > 0.0:
                    inverse = np.float32(1.0) / max(gap + box_ranges[node], LEAST_NORMAL)
                    factor = rem * norms[tree] / np.float32(depth + 1)
                    _split(row, boxes[node, 0], boxes[node, 1], inverse, factor, high[i], low[i])
                    rem *= box_ranges[node] * inverse
                left = points[i, trees.cut_dimensions[node]] <= trees.cut_values[node]
                link, siblings[depth] = children[node, 0 if left else 1], children[node, 1 if left else 0]
                depth += 1
            leaf = offsets[tree] + ~link
            if _equal(points, i, leaf_points, leaf):
                _share_without_leaf(row, siblings[:depth], trees, tree, box, shares)
                total = trees.hit_scores[leaf] if exact[i] else norms[tree] / np.float32(depth + 1)
                for j in range(dimensions):
                    high[i, j] += shares[0, j] * total
                    low[i, j] += shares[1, j] * total
            else:
                for j in range(dimensions):
                    leaf_row[j] = leaf_points[leaf, j] * scale
                inverse = np.float32(1.0) / max(_gap(row, leaf_row, leaf_row), LEAST_NORMAL)
                factor = rem * norms[tree] / np.float32(depth + 1)
                _split(row, leaf_row, leaf_row, inverse, factor, high[i], low[i])
        for j in range(dimensions):
            high[i, j] /= np.float32(num_trees)
            low[i, j] /= np.float32(num_trees)


@kernel
def _share_without_leaf(
    row: Floats,
    siblings: Offsets,
    trees: Trees,
    tree: int,
    box: Floats,
    shares: Floats,
) -> None:
    """Write the shares of each column, (high and low, d), which sum to 1, in the tree without `row`'s leaf to `shares`.

    row : (d,), scaled. siblings : (depth,), links. box : (2, d), scratch memory. trees : the forest.
    From the leaf upwards, D the depth of a box and p = gap / (gap + range): shares = p / (D + 1) + (1 − p) · shares.
    """
    first_leaf = trees.offsets[tree]
    first_cut = first_leaf - tree
    dimensions = len(row)
    shares[:] = 0.0
    box[0, :], box[1, :] = np.inf, -np.inf
    for depth in range(len(siblings) - 1, -1, -1):
        sibling = siblings[depth]
        for j in range(dimensions):
            if sibling < 0:
                least = largest = trees.leaf_points[first_leaf + ~sibling, j] * trees.scale
            else:
                least, largest = trees.boxes[first_cut + sibling, 0, j], trees.boxes[first_cut + sibling, 1, j]
            box[0, j], box[1, j] = min(box[0, j], least), max(box[1, j], largest)
        gap, box_range = _gap(row, box[0], box[1]), np.float32(0.0)
        for j in range(dimensions):
            box_range += box[1, j] - box[0, j]
        inverse = np.float32(1.0) / max(gap + box_range, LEAST_NORMAL)
        for j in range(dimensions):
            shares[0, j] *= box_range * inverse
            shares[1, j] *= box_range * inverse
        _split(row, box[0], box[1], inverse, np.float32(1.0) / np.float32(depth + 1), shares[0], shares[1])
    total = np.float32(0.0)
    for j in range(dimensions):
        total += shares[0, j] + shares[1, j]
    for side in range(2):
        for j in range(dimensions):
            # A tree without another leaf, or whose other leaves are indistinguishable, gives no shares.
            even = np.float32(0.5) / np.float32(dimensions)
            shares[side, j] = shares[side, j] / total if total > 0.0 else even


@kernel
def _equal(points: Floats, i: int, leaf_points: Floats, leaf: int) -> bool:
    """Whether points[i], (d,), is leaf_points[leaf], (d,)."""
    for j in range(points.shape[1]):  # noqa: SIM110
        if points[i, j] != leaf_points[leaf, j]:
            return False
    return True


@kernel
def _gap(row: Floats, least: Floats, largest: Floats) -> np.float32:
    """The distance of `row` outside [least, largest], (d,) each, summed over dimensions."""
    gap = np.float32(0.0)
    for j in range(len(row)):
        gap += max(least[j] - row[j], row[j] - largest[j], np.float32(0.0))
    return gap


@kernel
def _split(
    row: Floats,
    least: Floats,
    largest: Floats,
    inverse: np.float32,
    factor: np.float32,
    high: Floats,
    low: Floats,
) -> None:
    """Add each column's p · factor to `high` or `low`, where p is its distance outside of [least, largest] · inverse.

    All arrays are (d,).
    """
    for j in range(len(row)):
        high[j] += max(row[j] - largest[j], np.float32(0.0)) * inverse * factor
        low[j] += max(least[j] - row[j], np.float32(0.0)) * inverse * factor
