"""Charts on matplotlib's axes."""

import io
from datetime import timedelta

import click
import numpy as np
import pytest

from forecastle.algorithms.chart import Chart, Grid, Line, Panel, figure_of
from forecastle.container.terminal_chart import lines_of

SPANS = [timedelta(minutes=5) * 1.35**number for number in range(45)]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_any_span_of_time_has_dates_on_its_axis(span: timedelta) -> None:
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(5) * np.timedelta64(span // 4)
    figure = figure_of(Chart([Panel("", "", [Line(times, np.arange(5.0), "observed")])]))
    figure.savefig(io.BytesIO(), format="png")  # a warning is an error
    assert len(figure.axes[0].get_xticks()) > 2


GRID = Grid("a b → c", ["c"], ["a", "b"], np.array([[0.1, 0.9]]))


def test_a_heat_map_has_its_labels_and_a_shade_for_each_value() -> None:
    (axes,) = figure_of(Chart([GRID])).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == GRID.columns
    assert [label.get_text() for label in axes.get_yticklabels()] == GRID.rows
    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), GRID.values)
    figure_of(Chart([Grid("a → ", [], ["a"], np.empty((0, 1)))])).savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(("encoding", "row"), [("utf-8", "c│░░██"), ("ascii", "c|::@@")])
def test_a_heat_map_is_shades_in_a_terminal(encoding: str, row: str) -> None:
    title, drawn, *_ = (click.unstyle(line) for line in lines_of(Chart([GRID]), 80, encoding=encoding))
    assert title.startswith("a b ")
    assert drawn.strip() == row
