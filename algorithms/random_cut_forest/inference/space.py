"""Scores of points of several dimensions: a block of points goes through one tree after another.

A block is first routed to the leaves and sorted by leaf, so that the points of every node are neighbours (`route`).
Then the distances to each node's box are computed for eight points at a time (`measure`).
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.derived import Trees
from forecastle.algorithms.random_cut_forest.inference.block import SPARE, Block, Tree, slice_at
from forecastle.algorithms.random_cut_forest.inference.measure import measure
from forecastle.algorithms.random_cut_forest.inference.route import route
from forecastle.kernels.arrays import Floats, Marks
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import LANES
from forecastle.kernels.pointer import memory

_STRIP = 16  # rows that are copied to columns at a time: a cache line of each column
_MOST_TILES = 64
_TILED = 4096  # numbers in tiles at a time: half of the L1 cache


def block_of(dimensions: int) -> int:
    """The number of points to score at a time: many for each node, but so few that they fit the caches."""
    return max(256, min(4096, 204_800 // dimensions))


@kernel
def score_space(points: Floats, exact: Marks, levels: int, trees: Trees, scores: Floats) -> None:
    """Write the score of each of the points, (n, d), to `scores`, (n,).

    exact : (n,), see `score.score`. levels : of the deepest tree. trees : the forest.
    """
    offsets, norms = trees.offsets, trees.norms
    count, dimensions = points.shape
    width = (dimensions + LANES - 1) // LANES * LANES
    most_tiled = max(4, min(_MOST_TILES, _TILED // (width * LANES))) * LANES
    rows, columns = np.zeros(count * width, np.float32), np.empty(dimensions * count, np.float32)
    for first in range(0, count, _STRIP):
        for j in range(dimensions):
            for i in range(first, min(first + _STRIP, count)):
                columns[j * count + i] = points[i, j]
                rows[i * width + j] = points[i, j] * trees.scale
    tiles = np.zeros((most_tiled + SPARE) * width, np.float32)
    rem, sums, gaps = (
        np.ones(count + SPARE, np.float32),
        np.zeros(count + SPARE, np.float32),
        np.zeros(count + SPARE, np.float32),
    )
    order = np.zeros(2 * count + LANES, np.int32)  # lanes after the last point are any row's
    most_leaves = 0
    for tree in range(len(norms)):
        most_leaves = max(most_leaves, offsets[tree + 1] - offsets[tree])
    pending = np.empty(4 * (levels + 1), np.int64)
    inner, outer = np.empty(4 * most_leaves, np.int64), np.empty(4 * most_leaves, np.int64)
    path, ancestors = np.empty(levels, np.int64), np.empty(levels, np.int64)
    visits = np.empty(most_leaves, np.int64)
    scores[:] = 0.0
    # numba frees an array after its last use. Used in each round, these outlive the loop, as `memory` requires.
    for number in range(len(norms)):
        block = Block(
            count,
            dimensions,
            width,
            most_tiled,
            memory(rows),
            memory(columns),
            memory(exact),
            memory(scores),
            memory(order),
            memory(tiles),
            memory(rem),
            memory(sums),
            memory(gaps),
            memory(pending),
            memory(inner),
            memory(outer),
            memory(path),
            memory(ancestors),
            memory(visits),
        )
        cut, leaf = offsets[number] - number, offsets[number]
        tree_ = Tree(
            offsets[number + 1] - leaf,
            memory(trees.cut_dimensions[cut:]),
            memory(trees.cut_values[cut:]),
            memory(trees.children[cut:]),
            memory(trees.boxes[cut:]),
            memory(trees.box_ranges[cut:]),
            memory(trees.changes.offsets[cut:]),
            memory(trees.changes.columns),
            memory(trees.leaf_points[leaf:]),
            memory(trees.hit_scores[leaf:]),
            norms[number],
        )
        num_inner, num_outer = route(block, tree_)
        measure(block, tree_, num_inner)
        _add(block, tree_, num_outer)
    for i in range(count):
        scores[i] /= np.float32(len(norms))


@kernel
def _add(block: Block, tree: Tree, num_outer: int) -> None:
    """Add the tree's score of each point: that of a leaf equal to it, else S with the last rem, times the norm.

    A point that equals a leaf is in every box on its path, so that its rem is 1.
    """
    scores = block.scores
    for visit in range(num_outer):
        leaf, depth, start, stop = slice_at(block.outer, visit)
        weight = np.float32(1.0) / np.float32(depth + 1)
        for k in range(start, stop):
            i = block.order[k]
            if block.rem[k] == 1.0 and block.exact[i] and _equal(block, i, tree.leaf_points, leaf):
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
