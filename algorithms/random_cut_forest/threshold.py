"""The threshold: the anomaly score above which a row counts as an anomaly.

It is the mean of the scores of training points plus three standard deviations, the rule of SageMaker's notebook. The
scores of the rows to be classified are not used: at most a tenth of them can exceed their own mean plus three standard
deviations, however large they are (Cantelli's inequality).
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import score
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.kernels.arrays import Flags, Floats, Integers

SIGMAS = 3.0
LEAVES = 1_000  # scored at least, if there are so many
ROWS = 10_000  # of a job scored at most
_NUMBERS = 10**9  # trees times scored numbers of a job's rows, at most: a few seconds of one core


def of_leaves(forest: Forest, threads: int = 1) -> float:
    """The threshold from the points in the forest, each weighted by the number of times it was sampled."""
    step = max(1, len(forest.leaf_points) // LEAVES)
    scores = score(forest, forest.leaf_points[::step], threads=threads)
    return _above(scores, forest.leaf_masses[::step])


def of_rows(forest: Forest, rows: Floats, exact: Flags, threads: int) -> float:
    """The threshold from the rows of a training sample, (n, d), scored as in a request.

    `exact`, (n,), see `score.score`.
    """
    bound = max(100, min(ROWS, _NUMBERS // (forest.num_trees * forest.dimensions)))
    step = -(-len(rows) // bound)
    scores = score(forest, rows[::step], threads=threads, exact=exact[::step])
    return _above(scores, np.ones(len(scores), np.int32))


def of_artifact(artifact: Artifact, forest: Forest) -> float:
    """The threshold of a model: that of a job or an estimator if it was stored, else that of its leaves.

    Raises `InvalidData` if it is not a finite number.
    """
    for name, sign in (("threshold", 1.0), ("offset", -1.0)):
        if name in artifact.parameters:
            value = artifact.parameters[name]
            if type(value) not in (int, float) or not np.isfinite(value):
                raise InvalidData(place=("parameters", name), expected="a finite number", got=f"{value!r:.42}")
            return sign * float(value)
    return of_leaves(forest)


def _above(scores: Floats, weights: Integers) -> float:
    wide = scores.astype(np.float64)
    mean = np.average(wide, weights=weights)
    return float(mean + SIGMAS * np.sqrt(np.average((wide - mean) ** 2, weights=weights)))
