"""The way of a block's points from the root of a tree to its leaves."""

import numpy as np

from forecastle.algorithms.random_cut_forest.inference.block import Block, Tree, set_slice, slice_at
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import fetch

_LINE = 16  # numbers in a cache line


@kernel
def route(block: Block, tree: Tree) -> tuple[int, int]:
    """Sort the points by leaf: order[:count], as numbers of rows.

    `inner` and `outer` become the slices of the cuts and of the leaves that any point reaches, parents first.
    → their numbers. Each cut writes its points to the other half of `order`, separated by their side of the cut.
    """
    count, order, pending = block.size, block.order, block.pending
    for i in range(count):
        order[i] = i
    num_inner, num_outer, waiting = 0, 0, 1
    set_slice(pending, 0, 0 if tree.leaves > 1 else ~0, 0, 0, count)
    while waiting > 0:
        waiting -= 1
        link, depth, start, stop = slice_at(pending, waiting)
        here = count * (depth & 1)
        if link < 0:
            if here > 0:
                for k in range(start, stop):
                    order[k] = order[here + k]
            set_slice(block.outer, num_outer, ~link, depth, start, stop)
            num_outer += 1
            continue
        set_slice(block.inner, num_inner, link, depth, start, stop)
        num_inner += 1
        for place in range(2 * block.dimensions * link, 2 * block.dimensions * (link + 1), _LINE):
            fetch(tree.boxes, place, 0)  # to be measured after all are routed
        there = count - here
        middle = start + _part(
            block, here + start, stop - start, tree.cut_dimensions[link], tree.cut_values[link], there + start
        )
        if middle < stop:
            set_slice(pending, waiting, tree.children[2 * link + 1], depth + 1, middle, stop)
            waiting += 1
        if start < middle:
            set_slice(pending, waiting, tree.children[2 * link], depth + 1, start, middle)
            waiting += 1
    return num_inner, num_outer


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
