"""Where a cut's box differs from its parent's.

A box is inside its parent's and has most bounds in common with it, so that a point's distance outside of it is that
outside of the parent's box plus what few bounds add.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecastle.kernels.arrays import Floats, Integers, Offsets
from forecastle.kernels.compiled import kernel

Columns = npt.NDArray[np.uint16]
_WIDE = range(17, 2**16)  # dimensions: with fewer a box takes no longer than a list, and `Columns` cannot number more


class Changes(NamedTuple):
    """The bounds in which boxes differ from their parents' boxes, of T trees with K leaves.

    offsets : (K − T + 1,), node n has the rows [offsets[n], offsets[n + 1]) of `columns`: none for roots, nor for
        boxes that differ in many dimensions, for which a list saves little and takes memory.
    columns : (rows of all nodes, 2), columns in which the lower corner differs, and columns in which the upper does.
        The shorter list is filled with a column in which it does not.
    """

    offsets: Offsets
    columns: Columns


def changes(offsets: Offsets, children: Integers, boxes: Floats) -> Changes:
    """The changes of boxes, (K − T, 2, d), from parent to child; no rows for d out of `_WIDE`.

    offsets : (T + 1,), `Forest.leaf_offsets`. children : (K − T, 2).
    """
    dimensions = boxes.shape[2]
    parents = _parents(offsets, children)
    starts = _offsets(parents, boxes, dimensions // 2 if dimensions in _WIDE else 0)
    columns = np.empty((starts[-1], 2), np.uint16)
    _fill(parents, boxes, starts, columns)
    return Changes(starts, columns)


@kernel
def _parents(offsets: Offsets, children: Integers) -> Offsets:
    """Each cut's parent, (K − T,), numbered over the forest; −1 for a root."""
    parents = np.full(len(children), -1, np.int64)
    for tree in range(len(offsets) - 1):
        first = offsets[tree] - tree
        for node in range(first, offsets[tree + 1] - tree - 1):
            for side in range(2):
                if children[node, side] >= 0:
                    parents[first + children[node, side]] = node
    return parents


@kernel
def _offsets(parents: Offsets, boxes: Floats, most: int) -> Offsets:
    """`Changes.offsets` of boxes, (K − T, 2, d). most : rows of a list; d rows take longer than the whole box."""
    starts = np.zeros(len(parents) + 1, np.int64)
    for node in range(len(parents)):
        parent, rows = parents[node], 0
        if parent >= 0 and most > 0:
            for corner in range(2):
                mine, theirs = boxes[node, corner], boxes[parent, corner]
                changed = np.int32(0)  # adds in vectors
                for j in range(len(mine)):
                    changed += np.int32(mine[j] != theirs[j])
                rows = max(rows, int(changed))
        starts[node + 1] = starts[node] + (rows if rows <= most else 0)
    return starts


@kernel
def _fill(parents: Offsets, boxes: Floats, starts: Offsets, columns: Columns) -> None:
    """Write `Changes.columns` of boxes, (K − T, 2, d), with `Changes.offsets`."""
    for node in range(len(parents)):
        if starts[node] == starts[node + 1]:
            continue
        for corner in range(2):
            mine, theirs = boxes[node, corner], boxes[parents[node], corner]
            place, same = starts[node], 0
            for j in range(len(mine)):
                if mine[j] != theirs[j]:
                    columns[place, corner] = j
                    place += 1
                else:
                    same = j
            for rest in range(place, starts[node + 1]):
                columns[rest, corner] = same
