"""The fan chart: a series' last values, and the forecast's median between its quantiles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.chart import Band, Line, Panel

Values = NDArray[np.float64]

PATHS = 20  # of the samples, as faint lines


def fan_panel(
    title: str,
    history: Values,
    quantiles: Mapping[float, Values],
    *,
    times: NDArray[Any] | None = None,
    mean: Values | None = None,
    samples: Values | None = None,
    actual: Values | None = None,
    left: str = "Value",
) -> Panel:
    """The fan chart of one series.

    Each pair of quantiles with the same distance from 0.5 is a band, and 0.5, or else the mean, a line.

    history : (n,), NaN where a value is missing. quantiles : by level, each (steps,). mean : (steps,).
    samples : (paths, steps). actual : (m,), the actual values at the forecast's first steps.
    times : (n + steps,); without them the axis counts steps from the forecast's first.
    """
    steps = len(mean if mean is not None else next(iter(quantiles.values())))
    if times is None:
        times = np.arange(-len(history), steps)
    ahead = times[len(history) :]
    bands = [
        Band(ahead, quantiles[low], quantiles[high], "predicted", f"{(high - low) * 100:.0f} %")
        for low, high in _pairs(quantiles)
    ]
    lines = [Line(times[: len(history)], history, "observed", "observed")]
    if samples is not None:
        lines += [Line(ahead, path, "predicted", faint=True) for path in samples[:PATHS]]
    if 0.5 in quantiles:
        lines.append(Line(ahead, quantiles[0.5], "predicted", "median"))
    elif mean is not None:
        lines.append(Line(ahead, mean, "predicted", "mean"))
    else:
        paired = {level for pair in _pairs(quantiles) for level in pair}
        lines += [Line(ahead, y, "predicted", f"quantile {at:g}") for at, y in quantiles.items() if at not in paired]
    if actual is not None and len(actual):
        count = min(len(actual), steps)
        lines.append(Line(ahead[:count], actual[:count], "actual", "actual"))
    horizontal = "" if np.issubdtype(times.dtype, np.datetime64) else "Steps from the forecast's first"
    return Panel(title, left, lines, bands, horizontal=horizontal)


def _pairs(quantiles: Mapping[float, Values]) -> list[tuple[float, float]]:
    """Levels with the same distance from 0.5, the widest pair first."""
    levels = sorted(quantiles)
    below = [level for level in levels if level < 0.5]
    return [(low, high) for low in below for high in levels if high > 0.5 and abs(low + high - 1) < 1e-9]
