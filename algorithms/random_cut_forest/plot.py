"""The chart of anomalies: values and scores on two axes, and dots where a score is above the cut-off."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecastle.algorithms.chart import Chart, Dots, Line, Panel
from forecastle.algorithms.interface import Ask, ChartOptions, Payload
from forecastle.contract.errors import InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES
from forecastle.formats.rows import REQUEST_TYPES, decode_rows

Values = NDArray[np.floating[Any]]


class AnomalyChartOptions(ChartOptions):
    """What `forecastle plot --set` takes for Random Cut Forest."""

    sigmas: float = Field(
        3.0, gt=0, description="Anomalies are scores above the mean plus so many standard deviations."
    )
    column: int = Field(0, ge=0, description="The column whose values are drawn, counted from 0.")


def plot(ask: Ask, payload: Payload, options: AnomalyChartOptions) -> Chart | None:
    """Have a server score the rows, and draw them. None if the request is another algorithm's.

    Raises `InvalidData` where the rows are invalid, and `InvalidJob`.
    """
    essence = payload.content_type.essence
    if essence not in REQUEST_TYPES or (essence in (JSON, JSON_LINES) and b'"target"' in payload.body):
        return None
    rows = decode_rows(payload.body, payload.content_type, width=None).features
    if options.column >= rows.shape[1]:
        raise InvalidJob(f"Chart option column must be less than {rows.shape[1]}, the number of columns.")
    answer = json.loads(ask(payload.body, str(payload.content_type), JSON))
    scores = np.array([row["score"] for row in answer["scores"]])
    left = f"Column {options.column}" if rows.shape[1] > 1 else "Value"
    panel = anomaly_panel(
        "Values and their anomaly scores", rows[:, options.column], scores, sigmas=options.sigmas, left=left
    )
    return Chart([panel])


def cutoff_of(scores: Values, sigmas: float = 3.0) -> float:
    """The notebook's rule: the scores' mean plus `sigmas` standard deviations."""
    return float(scores.mean() + sigmas * scores.std())


def anomaly_panel(
    title: str,
    values: Values,
    scores: Values,
    *,
    sigmas: float = 3.0,
    times: NDArray[Any] | None = None,
    left: str = "Value",
) -> Panel:
    """The notebook's chart: values on the left axis, scores on the right one, anomalies as dots on the scores.

    values and scores : (n,). times : (n,); without them the axis counts rows.
    """
    places = np.arange(len(values)) if times is None else times
    cutoff = cutoff_of(scores, sigmas)
    unusual = scores > cutoff
    lines = [
        Line(places, values, "observed"),
        Line(places, scores, "score", side="right"),
        Line(places[[0, -1]], np.array([cutoff, cutoff]), "score", faint=True, side="right"),
    ]
    dots = [Dots(places[unusual], scores[unusual], f"above mean + {sigmas:g}σ ({cutoff:.2f})", "right")]
    horizontal = "" if np.issubdtype(places.dtype, np.datetime64) else "Row"
    return Panel(title, left, lines, dots=dots, right="Anomaly score", horizontal=horizontal)
