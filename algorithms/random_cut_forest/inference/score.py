"""Scores of points and their attribution to columns.

A point goes from the root, depth D = 0, to a leaf. At each node

    p = gap / (gap + range),  S += rem · p / (D + 1),  rem *= 1 − p

where gap is the sum over dimensions of the point's distance outside the node's box, range the sum of the box's sides,
and rem begins as 1. A leaf that the point misses has range 0; one that it equals ends with `derived.hit_scores`. A
tree's score is S · log2(n), n the points of the tree; the forest's is the mean. Its scale is 0 to log2(n).
Reference: Guha et al., ICML 2016, and the scores of SageMaker's jobs.

Trees hold float32. Of a point that came with more digits than float32 holds, `exact` says False: it is scored at its
nearest float32, but equals no leaf, as in SageMaker, which compares text with what is stored in float64.

A row's score is the same bytes whatever the rows that come with it and whatever the number of threads.
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.attribution import BLOCK as ATTRIBUTION_BLOCK
from forecastle.algorithms.random_cut_forest.inference.attribution import attribute_block
from forecastle.algorithms.random_cut_forest.inference.line import BLOCK as LINE_BLOCK
from forecastle.algorithms.random_cut_forest.inference.line import score_line
from forecastle.algorithms.random_cut_forest.inference.space import block_of, score_space
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source
from forecastle.kernels.arrays import Flags, Floats, Marks
from forecastle.kernels.threads import available_cores, in_parallel

_LEAST_BLOCK = 64  # points: less is not worth another thread


def score(forest: Forest, points: Floats, threads: int | None = None, exact: Flags | None = None) -> Floats:
    """The anomaly scores, (n,), of finite points, (n, d); where `exact`, (n,), is not given, all of them are.

    Raises
    ------
    InvalidData : the points have another number of columns than the forest.
    """
    points = _points_for(forest, points)
    marks = _marks(exact, len(points))
    scores = np.empty(len(points), np.float32)
    if forest.dimensions == 1:
        scale, offsets, spines, hit_scores = forest.scale, forest.leaf_offsets, forest.spines, forest.hit_scores

        def work(start: int, stop: int) -> None:
            here = slice(start, stop)
            score_line(points[here, 0], marks[here], scale, offsets, spines, hit_scores, scores[here])

    else:
        trees, levels = forest.trees, int(forest.depths.max())

        def work(start: int, stop: int) -> None:
            score_space(points[start:stop], marks[start:stop], levels, trees, scores[start:stop])

    largest = LINE_BLOCK if forest.dimensions == 1 else block_of(forest.dimensions)
    in_parallel(work, len(points), block=_block(len(points), largest, threads), threads=threads)
    return scores


def attribute(
    forest: Forest, points: Floats, threads: int | None = None, exact: Flags | None = None
) -> tuple[Floats, Floats]:
    """What each column adds to the scores for being too high, (n, d), and for being too low, (n, d).

    Together they sum to the score. At a leaf that the point equals, or would equal but for `exact`, nothing is too
    high or too low: its share is split as the score would be in the tree without that leaf; in a tree without others,
    evenly. Raises as `score` does.
    """
    points = _points_for(forest, points)
    marks = _marks(exact, len(points))
    high, low = np.zeros_like(points), np.zeros_like(points)
    trees = forest.trees

    def work(start: int, stop: int) -> None:
        attribute_block(points[start:stop], marks[start:stop], trees, high[start:stop], low[start:stop])

    in_parallel(work, len(points), block=_block(len(points), ATTRIBUTION_BLOCK, threads), threads=threads)
    return high, low


def _points_for(forest: Forest, points: Floats) -> Floats:
    """The points as kernels take them: writable too, for another kind of array would be compiled for anew."""
    if points.ndim != 2 or points.shape[1] != forest.dimensions:
        raise InvalidData(
            place=(Source("The points"),),
            expected=f"rows of {forest.dimensions} numbers",
            got=f"the shape {points.shape}",
        )
    return np.require(points, np.float32, ["C", "W"])


def _marks(exact: Flags | None, count: int) -> Marks:
    """`exact` as kernels take it."""
    if exact is None:
        return np.ones(count, np.uint8)
    return np.require(exact, np.bool_, ["C", "W"]).view(np.uint8)


def _block(count: int, largest: int, threads: int | None) -> int:
    """So many points a call that every thread has work, and none more than the kernel likes."""
    return max(_LEAST_BLOCK, min(largest, -(-count // (threads or available_cores()))))
