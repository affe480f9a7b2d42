"""The accuracy metrics of SageMaker's DeepAR, and the coverage of bands, which is ours.

Source: "How DeepAR Works" and "Tune a DeepAR Model", AWS's developer guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Losses:
    """Sums over the observed values y, from which every metric is computed; they can be added."""

    values: int
    absolute: float  # Σ|y|
    squared: float  # Σ(mean − y)²
    quantile: NDArray[np.float64]  # (levels,), ΣQ with Q = (1 − τ)·|q − y| where q > y, else τ·|q − y|
    inside: NDArray[np.int64]  # (bands,), the values in each of `bands_of` the levels

    def __add__(self, other: "Losses") -> "Losses":
        return Losses(
            self.values + other.values,
            self.absolute + other.absolute,
            self.squared + other.squared,
            self.quantile + other.quantile,
            self.inside + other.inside,
        )


def losses_of(
    observed: NDArray[np.floating[Any]],
    mean: NDArray[np.floating[Any]],
    quantiles: NDArray[np.floating[Any]],
    levels: Sequence[float],
) -> Losses:
    """Compare a forecast's `mean`, (…), and `quantiles`, (levels, …), with `observed` values, (…), NaN if missing."""
    known = ~np.isnan(observed)
    above = quantiles[:, known] - observed[known]  # (levels, values)
    inside = [(above[low] <= 0) & (above[high] >= 0) for low, high, _ in bands_of(levels)]
    weights = np.where(above > 0, 1 - np.array(levels)[:, np.newaxis], np.array(levels)[:, np.newaxis])
    return Losses(
        values=int(known.sum()),
        absolute=float(np.abs(observed[known]).sum()),
        squared=float(((mean[known] - observed[known]) ** 2).sum()),
        quantile=(weights * np.abs(above)).sum(axis=1),
        inside=np.array([band.sum() for band in inside], np.int64),
    )


def bands_of(levels: Sequence[float]) -> list[tuple[int, int, float]]:
    """The bands between two of the levels with the same share below and above, the widest first.

    Each is the indices of its levels, and the share of values that should be inside: 0.8 from 0.1 to 0.9.
    """
    pairs = [
        (low, high, round(levels[high] - levels[low], 10))
        for low in range(len(levels))
        for high in range(len(levels))
        if levels[low] < levels[high] and isclose(levels[low], 1 - levels[high], abs_tol=1e-9)
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def metrics_of(losses: Losses, levels: Sequence[float]) -> dict[str, float]:
    """The metrics by name; the weighted ones are not finite if all observed values are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = 2 * losses.quantile / losses.absolute
    mean = float(weighted.mean())
    return {
        "RMSE": float(np.sqrt(losses.squared / losses.values)),
        "mean_absolute_QuantileLoss": float(2 * losses.quantile.mean()),
        "mean_wQuantileLoss": mean,
        **{f"wQuantileLoss[{level}]": float(loss) for level, loss in zip(levels, weighted)},
        **{f"coverage[{band}]": int(n) / losses.values for n, (_, _, band) in zip(losses.inside, bands_of(levels))},
    }
