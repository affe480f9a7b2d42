"""Charts on matplotlib's axes."""

import io
from datetime import timedelta

import numpy as np
import pytest

from forecastle.algorithms.chart import Chart, Line, Panel, figure_of

SPANS = [timedelta(minutes=5) * 1.35**number for number in range(45)]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_any_span_of_time_has_dates_on_its_axis(span: timedelta) -> None:
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(5) * np.timedelta64(span // 4)
    figure = figure_of(Chart([Panel("", "", [Line(times, np.arange(5.0), "observed")])]))
    figure.savefig(io.BytesIO(), format="png")  # a warning is an error
    assert len(figure.axes[0].get_xticks()) > 2
