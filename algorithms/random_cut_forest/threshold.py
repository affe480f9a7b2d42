"""The threshold: the anomaly score above which a row counts as an anomaly.

It is the mean of the scores of training points plus three standard deviations, the rule of SageMaker's notebook. Scores
of the rows to be classified are not used: at most a tenth of these can be above the mean of them all plus three of
their standard deviations, however far they are (Cantelli's inequality).
"""

import numpy as np

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import score
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.kernels.arrays import Flags, Floats, Integers

SIGMAS = 3.0
LEAVES = 1_000  # that are scored, at least, where there are so many
ROWS = 10_000  # of a job that are scored, at the most
_NUMBERS = 10**9  # trees times numbers that are scored of a job's rows: a few seconds of one core


def of_leaves(forest: Forest, threads: int = 1) -> float:
    """The threshold that the points in the forest give, each counted as often as it was sampled."""
    step = max(1, len(forest.leaf_points) // LEAVES)
    scores = score(forest, forest.leaf_points[::step], threads=threads)
    return _above(scores, forest.leaf_masses[::step])


def of_rows(forest: Forest, rows: Floats, exact: Flags, threads: int) -> float:
    """The threshold that the rows of a training sample give, (n, d), scored as a request with them is.

    `exact`, (n,), says whether float32 holds a row as it came.
    """
    bound = max(100, min(ROWS, _NUMBERS // (forest.num_trees * forest.dimensions)))
    step = -(-len(rows) // bound)
    scores = score(forest, rows[::step], threads=threads, exact=exact[::step])
    return _above(scores, np.ones(len(scores), np.int32))


def of_artifact(artifact: Artifact, forest: Forest) -> float:
    """The threshold of a model: a job's, an estimator's, or, where neither was written, that of its leaves.

    Raises `InvalidData` where it is no finite number.
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
