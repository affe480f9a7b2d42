"""A chart as data: a request and its response, to be drawn with matplotlib or in a terminal.

An algorithm's `plot.py` makes panels of plain arrays; `draw` and `draw_grid` draw them with matplotlib, if it is
installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidJob

Values = NDArray[np.floating[Any]]
Places = NDArray[Any]  # on the horizontal axis: numbers, or datetime64

Role = Literal["observed", "predicted", "score", "actual"]  # the meaning of a series, which sets its colour
Side = Literal["left", "right"]  # the vertical axis of the values

COLOURS = {"observed": "black", "predicted": "C0", "score": "C1", "actual": "C3"}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Line:
    """A line through values; NaN interrupts it. A line without a label is not in the legend. x and y : (n,)."""

    x: Places
    y: Values
    role: Role
    label: str = ""
    side: Side = "left"
    faint: bool = False


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Band:
    """The area between two lines. x, low, high : (n,)."""

    x: Places
    low: Values
    high: Values
    role: Role
    label: str = ""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Dots:
    """Points that are marked. x and y : (n,)."""

    x: Places
    y: Values
    label: str = ""
    side: Side = "left"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Panel:
    """A pair of axes with lines, bands and dots; `right` is the label of a second vertical axis, or empty."""

    title: str
    left: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    dots: Sequence[Dots] = ()
    right: str = ""
    horizontal: str = ""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Grid:
    """A heat map: a shade for each value from 0 to 1. rows, columns : their labels; values : (rows, columns)."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Values


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Chart:
    """Panels below each other."""

    panels: Sequence[Panel | Grid]
    title: str = ""
    note: str = ""  # such as the number of series that are not drawn


def draw(panel: Panel, axes: Any) -> None:
    """Draw a panel on matplotlib's `axes`."""
    sides = {"left": axes}
    if panel.right:
        sides["right"] = axes.twinx()
    for number, band in enumerate(panel.bands):  # the widest first; the narrower ones on it are darker
        colour, alpha = COLOURS[band.role], min(0.2 + 0.15 * number, 0.6)
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=alpha, linewidth=0, label=band.label or None)
    for line in panel.lines:
        width, alpha = (0.5, 0.3) if line.faint else (1.1, 1.0)
        colour = "C0" if panel.right and line.role == "observed" else COLOURS[line.role]
        if panel.right and not line.faint:
            width, alpha = 0.7, 0.85
        sides[line.side].plot(
            line.x, line.y, color=colour, linewidth=width, alpha=alpha, label=line.label or None, marker=_marker(line)
        )
    for dots in panel.dots:
        sides[dots.side].plot(dots.x, dots.y, "ko", markersize=3, label=dots.label or None)
    axes.set_title(panel.title, loc="left")
    axes.set_ylabel(panel.left)
    axes.set_xlabel(panel.horizontal)
    axes.grid(alpha=0.4)
    axes.margins(x=0.01)
    if np.issubdtype(panel.lines[0].x.dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator: Any = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if panel.right:
        right = sides["right"]
        right.set_ylabel(panel.right, color="C1")
        right.tick_params("y", colors="C1")
        axes.set_ylabel(panel.left, color="C0")
        axes.tick_params("y", colors="C0")
        low, high = right.get_ylim()
        right.set_ylim(low, high + 0.35 * (high - low))  # below the values, as in the notebook
    legend = [pair for side in sides.values() for pair in zip(*side.get_legend_handles_labels())]
    if legend:
        list(sides.values())[-1].legend(*zip(*legend), loc="upper left", ncols=len(legend), frameon=False)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.15 * (high - low))  # room for the legend


def draw_grid(grid: Grid, axes: Any) -> None:
    """Draw a heat map on matplotlib's `axes`."""
    if grid.values.size:  # an empty translation has no rows
        axes.imshow(grid.values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_title(grid.title, loc="left")
    axes.set_xticks(range(len(grid.columns)), labels=grid.columns)
    axes.set_yticks(range(len(grid.rows)), labels=grid.rows)


def _marker(line: Line) -> str:
    """A dot for a line of one value, which would otherwise be invisible."""
    return "." if np.isfinite(line.y).sum() <= 1 else ""


def save(chart: Chart, picture: Path) -> None:
    """Write a chart as a PNG. Raises `InvalidJob` if matplotlib is not installed, or the file cannot be written."""
    figure = figure_of(chart)
    try:
        figure.savefig(picture, dpi=120, format="png")
    except OSError as error:
        raise InvalidJob(f"{picture}: cannot be written ({error.strerror}).") from None


def figure_of(chart: Chart) -> Any:
    """A chart as matplotlib's figure, without pyplot's windows. Raises `InvalidJob` if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidJob("Charts are drawn with matplotlib, which is not installed: pip install matplotlib.") from None
    count = len(chart.panels)
    figure = Figure(figsize=(12, 5 if count == 1 else 1 + 2.5 * count), layout="constrained")
    for number, panel in enumerate(chart.panels, start=1):
        axes = figure.add_subplot(count, 1, number)
        if isinstance(panel, Grid):
            draw_grid(panel, axes)
        else:
            draw(panel, axes)
    if chart.title:
        figure.suptitle(chart.title)
    return figure
