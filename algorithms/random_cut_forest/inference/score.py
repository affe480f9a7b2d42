"""Scores of points and their attribution to columns.

A point goes from the root, depth D = 0, to a leaf. At each node

    p = gap / (gap + range),  S += rem · p / (D + 1),  rem *= 1 − p

where gap is the sum over dimensions of the point's distance outside the node's box, range the sum of the box's sides,
and rem is 1 at the root. A leaf has range 0; for a leaf equal to the point the score is `derived.hit_scores` instead. A
tree's score is S · log2(n) for a tree of n points, between 0 and log2(n); the forest's score is the mean.
Reference: Guha et al., ICML 2016, and the scores of SageMaker's jobs.

Trees contain float32. A point that was rounded to float32 has `exact` False: it is scored at its nearest float32, but
equals no leaf, as in SageMaker, which compares text with the stored points in float64.

A row's score depends neither on the other rows of a request nor on the number of threads, to the byte.
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

_LEAST_BLOCK = 64  # points: fewer are not worth another thread


def score(forest: Forest, points: Floats, threads: int | None = None, exact: Flags | None = None) -> Floats:
    """The anomaly scores, (n,), of finite points, (n, d); without `exact`, (n,), all points are exact.

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
    """The share of each column in the scores for high values, (n, d), and for low values, (n, d).

    The shares sum to the score. For a leaf equal to the point, whatever `exact`, nothing is too high or too low: the
    score is split as in the tree without that leaf, or evenly if there is no other. Raises `InvalidData` as `score`.
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
    """The points for kernels; writable, as kernels would be compiled again for read-only arrays."""
    if points.ndim != 2 or points.shape[1] != forest.dimensions:
        raise InvalidData(
            place=(Source("The points"),),
            expected=f"rows of {forest.dimensions} numbers",
            got=f"the shape {points.shape}",
        )
    return np.require(points, np.float32, ["C", "W"])


def _marks(exact: Flags | None, count: int) -> Marks:
    """`exact` for kernels."""
    if exact is None:
        return np.ones(count, np.uint8)
    return np.require(exact, np.bool_, ["C", "W"]).view(np.uint8)


def _block(count: int, largest: int, threads: int | None) -> int:
    """The number of points per call, so that every thread has work, but at most `largest`."""
    return max(_LEAST_BLOCK, min(largest, -(-count // (threads or available_cores()))))
