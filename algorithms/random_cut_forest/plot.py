"""The chart of anomalies of a request and its response, for `forecastle plot`."""

import json

import numpy as np
from pydantic import Field

from forecastle.algorithms.chart import Chart
from forecastle.algorithms.interface import Ask, ChartOptions, Payload
from forecastle.algorithms.random_cut_forest.anomaly_chart import anomaly_panel
from forecastle.contract.errors import InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES
from forecastle.formats.rows import REQUEST_TYPES, decode_rows


class AnomalyChartOptions(ChartOptions):
    """The options of `forecastle plot --set` for Random Cut Forest."""

    sigmas: float = Field(
        3.0, gt=0, description="Anomalies are scores above the mean plus so many standard deviations."
    )
    column: int = Field(0, ge=0, description="The column whose values are drawn, counted from 0.")


def plot(ask: Ask, payload: Payload, options: AnomalyChartOptions) -> Chart | None:
    """Send rows to be scored and draw them with their scores. None if the request is for another algorithm.

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
