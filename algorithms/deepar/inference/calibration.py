"""Calibrated quantiles: which levels to ask a network for, so that bands contain the share of values that they should.

A network that is too sure of itself has fewer than 80 % of the values in the band from its 0.1 to its 0.9 quantile. On
windows that were held out in training the share of values in each such band is counted; to get the band of 80 %, the
forecast is asked for the one that contained 80 %. This is conformal prediction with the rank of a value in its forecast
as the score (Chernozhukov, Wüthrich, Zhu, "Distributional conformal prediction", PNAS, 2021). Two things are cautious:
the same is done on both sides, as the median's bias in a few windows says little about the future, and bands are only
widened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Doubles
from forecastle.contract.errors import InvalidData

# The levels below the median from which the bands begin that are counted; each ends at 1 minus the level.
LOWER = (*(percent / 100 for percent in range(49, 0, -1)), 0.005, 0.0025, 0.001)

_ARRAY = "calibration"  # in an artifact


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """The share of held-out values in each of several bands around the median of their forecasts."""

    bands: Doubles  # (n,), ascending, in (0, 1): the share that should be inside
    shares: Doubles  # (n,), ascending, in [0, 1]: the share that was

    @classmethod
    def of(cls, shares: Sequence[float] | Doubles) -> "Calibration":
        """The calibration with the shares of values in the bands that begin at `LOWER`."""
        return cls(1 - 2 * np.array(LOWER), np.maximum.accumulate(np.asarray(shares, np.float64)))

    def level(self, wanted: float) -> float:
        """The level to ask for instead of `wanted`: the same or farther from the median.

        If no band contained enough values, it is that of the widest one.
        """
        band = abs(2 * wanted - 1)
        shares, first = np.unique([0.0, *self.shares], return_index=True)
        enough = np.interp(band, shares, np.array([0.0, *self.bands])[first], right=self.bands[-1])
        return float(0.5 + np.sign(wanted - 0.5) * max(band, enough) / 2)

    def arrays(self) -> dict[str, Doubles]:
        """What the artifact contains."""
        return {_ARRAY: np.stack([self.bands, self.shares])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Calibration | None":
        """The calibration of an artifact; None if it has none. Raises `InvalidData` if it is not ascending shares."""
        array = arrays.get(_ARRAY)
        if array is None:
            return None
        place = ("arrays", _ARRAY)
        if array.ndim != 2 or len(array) != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
            raise InvalidData(place=place, expected="2 × at least 2 floats", got=" × ".join(map(str, array.shape)))
        bands, shares = array.astype(np.float64)
        inside = bands[0] > 0 and bands[-1] < 1 and shares[0] >= 0 and shares[-1] <= 1
        if not (inside and (np.diff(bands) > 0).all() and (np.diff(shares) >= 0).all()):
            raise InvalidData(place=place, expected="ascending numbers between 0 and 1")
        return cls(bands, shares)
