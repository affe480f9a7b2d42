"""A chart in a terminal: lines of Braille dots, bands of shade, with colours if the terminal has them."""

from collections.abc import Iterator, Sequence

import click
import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.chart import Band, Chart, Dots, Grid, Line, Panel, Places, Values

ROWS = 14  # of a panel, without its title and labels
LOWER_ROWS = 6  # of the second axis, below the first
MARGIN = 10  # columns of the vertical axis' labels
NARROWEST = 20
DOTS_ACROSS, DOTS_DOWN = 2, 4  # of a Braille character
BRAILLE = 0x2800
BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # (down, across)
SHADE, DOT = "░", "●"
SHADES = " ░▒▓█"  # of a heat map, from 0 to 1
COLOURS = {"observed": None, "predicted": "blue", "score": "yellow", "actual": "red"}


def lines_of(chart: Chart, columns: int, *, encoding: str = "utf-8") -> Iterator[str]:
    """The chart as lines of text with ANSI colours, at most `columns` wide.

    Where `encoding` has no Braille, lines are drawn with `*`.
    """
    plain = not _can_encode(encoding)
    if chart.title:
        yield click.style(chart.title, bold=True)
    for panel in chart.panels:
        width = max(NARROWEST, columns - MARGIN - 1)
        for text in _grid(panel, width) if isinstance(panel, Grid) else _panel(panel, width):
            yield _ascii(text) if plain else text
    if chart.note:
        yield chart.note


def _can_encode(encoding: str) -> bool:
    try:
        f"{chr(BRAILLE + 255)}{SHADE}{DOT}".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _ascii(text: str) -> str:
    replaced = {
        SHADE: ":",
        "▒": "+",
        "▓": "#",
        "█": "@",
        "→": "->",
        DOT: "o",
        "│": "|",
        "└": "+",
        "─": "-",
        "σ": " sigma",
        "–": "-",
    }
    return "".join("*" if BRAILLE < ord(each) <= BRAILLE + 255 else replaced.get(each, each) for each in text)


def _panel(panel: Panel, width: int) -> Iterator[str]:
    yield click.style(panel.title, bold=True)
    left = [line for line in panel.lines if line.side == "left"]
    below = [line for line in panel.lines if line.side == "right"]
    span = _span([line.x for line in panel.lines] + [band.x for band in panel.bands])
    upper = _Canvas(width, ROWS - LOWER_ROWS if below else ROWS, span, [line.y for line in left], panel.bands)
    upper.draw(left, [dots for dots in panel.dots if dots.side == "left"])
    yield click.style(f"{panel.left}", dim=True)
    yield from upper.lines()
    if below:
        lower = _Canvas(width, LOWER_ROWS, span, [line.y for line in below], ())
        lower.draw(below, [dots for dots in panel.dots if dots.side == "right"])
        yield click.style(panel.right, dim=True)
        yield from lower.lines()
    yield " " * MARGIN + "└" + "─" * width
    yield _horizontal(span, width, panel.horizontal)
    if legend := _legend(panel):
        yield " " * (MARGIN + 1) + legend
    yield ""


def _grid(grid: Grid, width: int) -> Iterator[str]:
    """A heat map: a shade for each value; the columns' labels are cut where they are too long."""
    yield click.style(grid.title, bold=True)
    margin = min(max([MARGIN, *map(len, grid.rows)]), 2 * MARGIN)
    cell = max(
        1, min(max(map(len, grid.columns), default=1) + 1, (width + MARGIN - margin) // max(len(grid.columns), 1))
    )
    for label, values in zip(grid.rows, grid.values, strict=True):
        steps = np.clip(np.ceil(values * (len(SHADES) - 1)), 0, len(SHADES) - 1).astype(int)
        text = "".join(SHADES[step] * cell for step in steps)
        yield f"{label[:margin]:>{margin}}│{click.style(text, fg=COLOURS['predicted'])}"
    yield " " * margin + "└" + "─" * (cell * len(grid.columns))
    if cell > 1:
        yield " " * (margin + 1) + "".join(f"{label[: cell - 1]:<{cell}}" for label in grid.columns).rstrip()
    yield ""


def _legend(panel: Panel) -> str:
    marks = [
        *(click.style(f"{SHADE}{SHADE}", fg=COLOURS[band.role]) + f" {band.label}" for band in panel.bands),
        *(click.style("──", fg=COLOURS[line.role]) + f" {line.label}" for line in panel.lines if line.label),
        *(f"{DOT} {dots.label}" for dots in panel.dots if dots.label),
    ]
    return "  ".join(marks)


def _horizontal(span: tuple[float, float, bool], width: int, name: str) -> str:
    first, last = (_place(value, dated=span[2]) for value in span[:2])
    middle = name.center(max(0, width - len(first) - len(last)))
    return " " * (MARGIN + 1) + f"{first}{middle}{last}"


def _place(value: float, *, dated: bool) -> str:
    if dated:
        return str(np.datetime64(int(value), "s")).replace("T", " ")[:16]
    return f"{value:g}"


def _label(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def _numbers(x: Places) -> NDArray[np.float64]:
    """Places as numbers: seconds, if they are times."""
    seconds = x.astype("datetime64[s]").astype(np.int64) if np.issubdtype(x.dtype, np.datetime64) else x
    return seconds.astype(np.float64)


def _span(all_x: Sequence[Places]) -> tuple[float, float, bool]:
    """The first and the last place, and whether they are times."""
    numbers = np.concatenate([_numbers(x) for x in all_x])
    first, last = float(numbers.min()), float(numbers.max())
    return first, last if last > first else first + 1, np.issubdtype(all_x[0].dtype, np.datetime64)


class _Canvas:
    """Rows and columns of characters, each of 4 × 2 dots, and the colour of each character."""

    def __init__(
        self, width: int, rows: int, span: tuple[float, float, bool], values: Sequence[Values], bands: Sequence[Band]
    ) -> None:
        everything = np.concatenate([*values, *(band.low for band in bands), *(band.high for band in bands)])
        finite = everything[np.isfinite(everything)]
        self.low, self.high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if self.high == self.low:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self._first, self._last, _ = span
        self._dots = np.zeros((rows * DOTS_DOWN, width * DOTS_ACROSS), np.bool_)
        self._marks: dict[tuple[int, int], str] = {}
        self._colours: dict[tuple[int, int], str | None] = {}
        for band in bands:
            self._shade(band)

    def draw(self, lines: Sequence[Line], dots: Sequence[Dots]) -> None:
        for line in lines:
            if not line.faint:
                self._line(line)
        for each in dots:
            for x, y in zip(self._across(each.x), self._down(each.y)):
                self._marks[int(y) // DOTS_DOWN, int(x) // DOTS_ACROSS] = DOT

    def lines(self) -> Iterator[str]:
        rows, width = self._dots.shape[0] // DOTS_DOWN, self._dots.shape[1] // DOTS_ACROSS
        cells = self._dots.reshape(rows, DOTS_DOWN, width, DOTS_ACROSS)
        codes = (cells * BITS[:, np.newaxis, :]).sum(axis=(1, 3))
        for row in range(rows):
            text = "".join(self._character(row, column, int(codes[row, column])) for column in range(width))
            label = self.high if row == 0 else self.low if row == rows - 1 else None
            yield f"{'' if label is None else _label(label):>{MARGIN}}│{text}"

    def _character(self, row: int, column: int, code: int) -> str:
        mark = self._marks.get((row, column))
        if mark == DOT:
            return DOT
        if code:
            return click.style(chr(BRAILLE + code), fg=self._colours.get((row, column)))
        return " " if mark is None else click.style(mark, fg=COLOURS["predicted"])

    def _across(self, x: Places) -> NDArray[np.int64]:
        share = (_numbers(x) - self._first) / (self._last - self._first)
        across: NDArray[np.int64] = np.rint(share * (self._dots.shape[1] - 1)).astype(np.int64)
        return across

    def _down(self, y: Values) -> NDArray[np.int64]:
        share = (self.high - np.nan_to_num(y, nan=self.low)) / (self.high - self.low)
        down: NDArray[np.int64] = np.rint(np.clip(share, 0, 1) * (self._dots.shape[0] - 1)).astype(np.int64)
        return down

    def _line(self, line: Line) -> None:
        x, y, known = self._across(line.x), self._down(line.y), np.isfinite(line.y)
        for number in range(len(x)):
            if not known[number]:
                continue
            before = number - 1 if number and known[number - 1] else number
            count = int(max(abs(x[number] - x[before]), abs(y[number] - y[before]))) + 1
            across = np.rint(np.linspace(x[before], x[number], count)).astype(np.int64)
            down = np.rint(np.linspace(y[before], y[number], count)).astype(np.int64)
            self._dots[down, across] = True
            for cell in set(zip((down // DOTS_DOWN).tolist(), (across // DOTS_ACROSS).tolist())):
                self._colours[cell] = COLOURS[line.role]

    def _shade(self, band: Band) -> None:
        columns = np.arange(self._dots.shape[1] // DOTS_ACROSS)
        x = self._across(band.x) // DOTS_ACROSS
        low, high = (np.interp(columns, x, self._down(values) // DOTS_DOWN) for values in (band.low, band.high))
        for column in columns[(columns >= x[0]) & (columns <= x[-1])]:
            for row in range(int(np.rint(high[column])), int(np.rint(low[column])) + 1):
                self._marks.setdefault((row, int(column)), SHADE)
