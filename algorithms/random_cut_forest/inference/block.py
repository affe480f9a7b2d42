"""A block of points and a tree of several dimensions, as pointers for kernels, and slices of a block's points."""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.random_cut_forest.changes import Columns
from forecastle.kernels.arrays import Floats, Integers, Marks, Offsets
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import LANES

Slices = Offsets  # flat, four integers for each of some nodes: node, depth, start and stop of its points in the order
SPARE = 4 * LANES  # points: vectors at the end of a block may reach beyond it


class Block(NamedTuple):
    """n points of d dimensions, and the memory to score them; in kernels, all arrays are pointers.

    Attributes
    ----------
    width : d padded to 8.
    most_tiled : the number of points that are in `tiles` at a time, a multiple of 8.
    rows : the points, scaled.
    columns : the points' numbers: a column, which a cut compares, fits the L1 cache.
    exact : see `score.score`.
    order : numbers of rows. The points of a node at depth D are in the first half if D is even, else in the second.
    tiles : some points in their order, scaled, as tiles, (width, 8) for 8 points.
    rem, sums, gaps : of each point, in their order: rem, S, and the distance outside the box of the last node.
    pending : nodes still to be routed, at most two for each level.
    inner, outer : the cuts and the leaves that any point reaches.
    path : the last cut of each depth, by its place in `inner`.
    ancestors : the last cut of each depth.
    visits : the cuts that points in `tiles` reach, by their places in `inner`.
    """

    size: int  # n
    dimensions: int
    width: int
    most_tiled: int
    rows: Floats  # (n, width)
    columns: Floats  # (d, n)
    exact: Marks  # (n,)
    scores: Floats  # (n,)
    order: Integers  # (2·n + 8,)
    tiles: Floats  # (most_tiled + SPARE, width)
    rem: Floats  # (n + SPARE,)
    sums: Floats  # (n + SPARE,)
    gaps: Floats  # (n + SPARE,)
    pending: Slices  # (4·levels,)
    inner: Slices  # (4·leaves,)
    outer: Slices  # (4·leaves,)
    path: Offsets  # (levels,)
    ancestors: Offsets  # (levels,)
    visits: Offsets  # (leaves,)


class Tree(NamedTuple):
    """A tree of k leaves, as pointers into the arrays of `Trees`."""

    leaves: int
    cut_dimensions: Integers  # (k − 1,)
    cut_values: Floats  # (k − 1,)
    children: Integers  # (k − 1, 2)
    boxes: Floats  # (k − 1, 2, d)
    box_ranges: Floats  # (k − 1,)
    change_offsets: Offsets  # (k,)
    changed: Columns  # (changes of all trees, 2)
    leaf_points: Floats  # (k, d)
    hit_scores: Floats  # (k,)
    norm: np.float32


@kernel
def slice_at(slices: Slices, place: int) -> tuple[int, int, int, int]:
    """Node, depth, start and stop at a place of `slices`, (4·nodes,)."""
    return slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3]


@kernel
def set_slice(slices: Slices, place: int, node: int, depth: int, start: int, stop: int) -> None:
    """Write node, depth, start and stop to a place of `slices`, (4·nodes,)."""
    slices[4 * place], slices[4 * place + 1], slices[4 * place + 2], slices[4 * place + 3] = node, depth, start, stop
