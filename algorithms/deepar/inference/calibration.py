"""Calibrated quantiles: which level to ask a network for, so that the requested share of values is below it.

A network that is too sure of itself has fewer values below its 0.9 quantile than 90 %. On windows that were held out
in training one counts the share of values at or below each quantile; to get the level 0.9, the forecast is asked for
the level at which that share was 0.9. This is distributional conformal prediction, with the rank of a value in its
forecast as the score (Chernozhukov, Wüthrich, Zhu, PNAS, 2021): quantiles remain in order and values that the
likelihood can draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Doubles
from forecastle.contract.errors import InvalidData

# The quantiles whose shares are counted.
LEVELS = (0.001, 0.0025, 0.005, *(percent / 100 for percent in range(1, 100)), 0.995, 0.9975, 0.999)

_ARRAY = "calibration"  # in an artifact


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """The share of held-out values at or below each quantile of their forecasts."""

    levels: Doubles  # (n,), ascending, in (0, 1)
    shares: Doubles  # (n,), ascending, in [0, 1]

    @classmethod
    def of(cls, shares: Sequence[float] | Doubles) -> "Calibration":
        """The calibration with the shares below the quantiles of `LEVELS`."""
        return cls(np.array(LEVELS), np.maximum.accumulate(np.asarray(shares, np.float64)))

    def level(self, wanted: float) -> float:
        """The level to ask for, so that the share `wanted` of values is at or below the quantile.

        It is the least or the largest of the levels that were counted if the share there is not small or large enough.
        """
        shares, first = np.unique(self.shares, return_index=True)
        return float(np.interp(wanted, shares, self.levels[first], right=self.levels[-1]))

    def arrays(self) -> dict[str, Doubles]:
        """What the artifact contains."""
        return {_ARRAY: np.stack([self.levels, self.shares])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Calibration | None":
        """The calibration of an artifact; None if it has none. Raises `InvalidData` if it is not ascending levels."""
        array = arrays.get(_ARRAY)
        if array is None:
            return None
        place = ("arrays", _ARRAY)
        if array.ndim != 2 or len(array) != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
            raise InvalidData(place=place, expected="2 × at least 2 floats", got=" × ".join(map(str, array.shape)))
        levels, shares = array.astype(np.float64)
        inside = levels[0] > 0 and levels[-1] < 1 and shares[0] >= 0 and shares[-1] <= 1
        if not (inside and (np.diff(levels) > 0).all() and (np.diff(shares) >= 0).all()):
            raise InvalidData(place=place, expected="ascending numbers between 0 and 1")
        return cls(levels, shares)
