"""The measurement of a block's points that are sorted by leaf: rem and S of each, from the root to its leaf.

A few points at a time are copied to tiles, whose lanes are points, and pass all cuts on their way while the tiles are
in the L1 cache. A box has most of its bounds in common with its parent's. A point's distance outside of it is the
distance outside of the parent's box, plus what each bound that differs adds for points beyond it. Nothing is
subtracted, so that no digits are lost.
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.inference.block import Block, Tree, slice_at
from forecastle.kernels.arrays import LEAST_NORMAL
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import (
    LANES,
    SIZES,
    Size,
    absolute,
    choose,
    load,
    maximum,
    minimum,
    spread,
    store,
    within,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.tiles import load_each, tile_rows

_ONE, _TWO, _FOUR = SIZES[1], SIZES[2], (0, 0, 0, 0)  # tiles


@kernel
def measure(block: Block, tree: Tree, num_inner: int) -> None:
    """Compute rem and S of all points at their leaves, from the `num_inner` cuts in `block.inner`."""
    for k in range(block.size):
        block.rem[k], block.sums[k], block.gaps[k] = 1.0, 0.0, 0.0
    visit, deepest = 0, -1
    for first in range(0, block.size, block.most_tiled):
        end = min(first + block.most_tiled, block.size)
        _tile(block, first, end)
        # These points pass the cuts that they share with points tiled before, from the root on, then the next cuts.
        count = 0
        while count <= deepest and slice_at(block.inner, block.path[count])[3] > first:
            block.visits[count] = block.path[count]
            count += 1
        while visit < num_inner and slice_at(block.inner, visit)[2] < end:
            deepest = slice_at(block.inner, visit)[1]
            block.path[deepest] = block.visits[count] = visit
            visit += 1
            count += 1
        for k in range(count):
            _visit(block, tree, block.visits[k], first, end)


@inlined
def _tile(block: Block, first: int, end: int) -> None:
    """Write point order[first + k], first + k < end, to lane k % 8 of tile k // 8; `first` is a multiple of 8."""
    place = 0
    for k in range(first, end, LANES):
        for column in range(0, block.width, LANES):
            tile_rows(block.rows, block.width, block.order, k, column, block.tiles, place)
            place += LANES * LANES


@inlined
def _visit(block: Block, tree: Tree, visit: int, tiled: int, end: int) -> None:
    """The recursion's step at the cut inner[visit], for those of its points that are tiled, [tiled, end)."""
    node, depth, start, stop = slice_at(block.inner, visit)
    block.ancestors[depth] = node
    parent = block.ancestors[max(depth - 1, 0)]
    start, stop = max(start, tiled), min(stop, end)
    weight = np.float32(1.0) / np.float32(depth + 1)
    first = start // LANES * LANES
    while first < stop:
        left = stop - first
        if left > 2 * LANES:
            _step(block, tree, node, parent, weight, start, stop, first, tiled, _FOUR)
            first += 4 * LANES
        elif left > LANES:
            _step(block, tree, node, parent, weight, start, stop, first, tiled, _TWO)
            first += 2 * LANES
        else:
            _step(block, tree, node, parent, weight, start, stop, first, tiled, _ONE)
            first += LANES


@inlined
def _step(
    block: Block,
    tree: Tree,
    node: int,
    parent: int,
    weight: np.float32,
    start: int,
    stop: int,
    first: int,
    tiled: int,
    size: Size,
) -> None:
    """The recursion's step for the points [start, stop) among those of `size` tiles from point `first` on.

    The other lanes belong to other nodes. `tiled` is the first point in `tiles`, weight 1 / (D + 1). With gap / range
    for gap: new rem = rem / (1 + gap / range) and new S = S + (rem − new rem) / (D + 1).
    """
    tile = (first - tiled) * block.width
    here = within(start - first, stop - first, size)
    before = load(block.gaps, first, size)
    if tree.change_offsets[node] == tree.change_offsets[node + 1]:
        gap = _gap(block, tree, node, tile, size)
    else:
        gap = before + _growth(block, tree, node, parent, tile, size)
    store(block.gaps, first, choose(here, gap, before))
    inverse = np.float32(1.0) / max(tree.box_ranges[node], LEAST_NORMAL)
    rem = load(block.rem, first, size)
    kept = choose(here, rem / (gap * spread(inverse, size) + 1.0), rem)
    store(block.rem, first, kept)
    store(block.sums, first, load(block.sums, first, size) + (rem - kept) * spread(weight, size))


@inlined
def _gap(block: Block, tree: Tree, node: int, tile: int, size: Size) -> Lanes:
    """The distances of points outside a node's box, summed over dimensions. Two sums hide each other's latency.

    tile : where the points' first tile begins in `tiles`.
    """
    dimensions, boxes, step = block.dimensions, tree.boxes, block.width * LANES
    low, high = 2 * node * dimensions, (2 * node + 1) * dimensions
    zero: Lanes = spread(np.float32(0.0), size)
    even, odd = zero, zero
    for j in range(0, dimensions - 1, 2):
        x = load_each(block.tiles, tile + j * LANES, step, size)
        even = even + absolute(x - minimum(maximum(x, boxes[low + j]), boxes[high + j]))
        x = load_each(block.tiles, tile + (j + 1) * LANES, step, size)
        odd = odd + absolute(x - minimum(maximum(x, boxes[low + j + 1]), boxes[high + j + 1]))
    if dimensions % 2 == 1:
        j = dimensions - 1
        x = load_each(block.tiles, tile + j * LANES, step, size)
        even = even + absolute(x - minimum(maximum(x, boxes[low + j]), boxes[high + j]))
    return even + odd


@inlined
def _growth(block: Block, tree: Tree, node: int, parent: int, tile: int, size: Size) -> Lanes:
    """How much farther points are outside a node's box than outside its parent's, by the bounds that differ.

    tile : where the points' first tile begins in `tiles`. A bound that does not differ adds 0.
    """
    dimensions, boxes, step = block.dimensions, tree.boxes, block.width * LANES
    low, parents_low = 2 * node * dimensions, 2 * parent * dimensions
    high, parents_high = low + dimensions, parents_low + dimensions
    zero: Lanes = spread(np.float32(0.0), size)
    below, above = zero, zero
    for k in range(tree.change_offsets[node], tree.change_offsets[node + 1]):
        j = np.int64(tree.changed[2 * k])
        x, bound = load_each(block.tiles, tile + j * LANES, step, size), boxes[low + j]
        below = below + (bound - minimum(maximum(x, boxes[parents_low + j]), bound))
        j = np.int64(tree.changed[2 * k + 1])
        x, bound = load_each(block.tiles, tile + j * LANES, step, size), boxes[high + j]
        above = above + (minimum(maximum(x, bound), boxes[parents_high + j]) - bound)
    return below + above
