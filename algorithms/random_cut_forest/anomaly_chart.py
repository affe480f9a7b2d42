"""The chart of anomalies: values and scores on two axes, and dots where a score is above the cut-off."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.chart import Dots, Line, Panel

Values = NDArray[np.floating[Any]]


def cutoff_of(scores: Values, sigmas: float = 3.0) -> float:
    """The notebook's rule: the scores' mean plus `sigmas` standard deviations."""
    return float(scores.mean() + sigmas * scores.std())


def anomaly_panel(
    title: str,
    values: Values,
    scores: Values,
    *,
    sigmas: float = 3.0,
    threshold: float | None = None,
    times: NDArray[Any] | None = None,
    left: str = "Value",
) -> Panel:
    """The notebook's chart: values on the left axis, scores on the right one, anomalies as dots on the scores.

    values and scores : (n,). times : (n,); without them the axis counts rows. threshold : of the scores; None takes
    their mean plus `sigmas` standard deviations.
    """
    places = np.arange(len(values)) if times is None else times
    cutoff = cutoff_of(scores, sigmas) if threshold is None else threshold
    rule = f"mean + {sigmas:g}σ" if threshold is None else "the threshold"
    unusual = scores > cutoff
    lines = [
        Line(places, values, "observed"),
        Line(places, scores, "score", side="right"),
        Line(places[[0, -1]], np.array([cutoff, cutoff]), "score", faint=True, side="right"),
    ]
    dots = [Dots(places[unusual], scores[unusual], f"above {rule} ({cutoff:.2f})", "right")]
    horizontal = "" if np.issubdtype(places.dtype, np.datetime64) else "Row"
    return Panel(title, left, lines, dots=dots, right="Anomaly score", horizontal=horizontal)
