"""A time series as the forecaster and the trainer take it: parsed and checked where it came in."""

from dataclasses import dataclass

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Series:
    """One series, and what is known besides of it.

    Nothing here is checked: `cat` must hold one value below each of the network's cardinalities, `dynamic_feat` one row
    for each of its dynamic features, finite, and `target` no infinity.
    """

    start: np.datetime64  # of the first value; in seconds ("datetime64[s]"), without a zone
    target: Floats  # (length,) in the series' own unit; NaN is missing; empty is allowed
    cat: tuple[int, ...] = ()  # one 0-based category for each of the network's cardinalities
    dynamic_feat: Floats | None = None  # (D, length + T): to the end of what is to be forecast; None where D is 0
