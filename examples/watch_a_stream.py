"""Anomaly scores and alerts for lines of CSV as they come, from standard input or from a file that grows.

    python examples/watch_a_stream.py --follow metrics.csv
    vmstat -n 1 | python examples/watch_a_stream.py --separator ' ' --columns us,sy,free

Each line is scored by a Random Cut Forest of the lines before it; the threshold comes from the scores of the past. On a
terminal each line gets a bar; elsewhere lines come out as CSV with `score`, `threshold` and `alert` appended. A line
that cannot be read is reported with its number on standard error, and skipped. Ctrl-C ends.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from forecastle import RandomCutForest, StreamWatcher

if TYPE_CHECKING:
    from forecastle.algorithms.random_cut_forest.watcher import Observation

WAIT = 0.2  # seconds between looks at a file that grows
LARGEST = 3.4028234e38  # of float32
BAR = 24  # characters of a bar; the threshold is in its middle
SHOWN = 500  # rows in the chart


def lines_of(file: IO[bytes], path: Path | None) -> Iterator[str | None]:
    """The lines of `file`; None when there is none to be had for a while.

    With `path` go on at the end of the file: wait for more, for a new file at the path (a rotated log), or for a file
    that begins anew (a truncated one), as `tail -F` does.
    """
    rest = b""
    while True:
        if path is None and not select.select([file], [], [], WAIT)[0]:
            yield None
            continue
        piece = os.read(file.fileno(), 1 << 16)
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
        if piece:
            continue
        if path is None:
            if rest:
                yield rest.decode("utf-8", "replace")
            return
        yield None
        time.sleep(WAIT)
        try:
            now = path.stat()
        except FileNotFoundError:  # between two files
            continue
        open_one, place = os.fstat(file.fileno()), os.lseek(file.fileno(), 0, os.SEEK_CUR)
        if (now.st_ino, now.st_dev) == (open_one.st_ino, open_one.st_dev):
            if now.st_size < place:
                os.lseek(file.fileno(), 0, os.SEEK_SET)
                rest = b""
        elif open_one.st_size == place:  # the old file has been read to its end
            if rest:
                yield rest.decode("utf-8", "replace")
            file, rest = path.open("rb", buffering=0), b""


class Table:
    """Which fields of a line are numbers to be watched, as the first line shows or `wanted` names them."""

    def __init__(self, first: Sequence[str], wanted: Sequence[str]) -> None:
        has_numbers = any(_is_number(field) for field in first)
        self.names = [f"column {number}" for number in range(1, len(first) + 1)] if has_numbers else list(first)
        self.is_header = not has_numbers
        self.width = len(first)
        self.chosen = [self._place(name) for name in wanted]
        if has_numbers and not wanted:
            self.chosen = [place for place, field in enumerate(first) if _is_number(field)]

    def numbers(self, fields: Sequence[str]) -> list[float]:
        """The numbers of a line. Raises `ValueError` with a sentence."""
        if len(fields) != self.width:
            raise ValueError(f"expected {self.width} fields, got {len(fields)}")
        if not self.chosen:  # the first line after a header
            self.chosen = [place for place, field in enumerate(fields) if _is_number(field)]
            if not self.chosen:
                raise ValueError("expected a number in one of the fields, got none")
        for place in self.chosen:
            if not _is_number(fields[place]):
                raise ValueError(f"expected a finite number in {self.names[place]}, got {fields[place][:40]!r}")
        return [float(fields[place]) for place in self.chosen]

    def _place(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        if name.isdigit() and 1 <= int(name) <= self.width:
            return int(name) - 1
        raise SystemExit(f"--columns: expected some of {', '.join(self.names)}, or numbers from 1, got {name!r}.")


class CommaSeparated:
    """Lines of CSV with three more fields: score and threshold, empty while there are none, and alert, 1 or 0."""

    def __init__(self, table: Table) -> None:
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        names = table.names if table.is_header else [name.replace(" ", "_") for name in table.names]
        self._writer.writerow([*names, "score", "threshold", "alert"])

    def row(self, fields: Sequence[str], numbers: Sequence[float], found: Observation) -> None:  # noqa: ARG002
        known = [f"{value:.6g}" if math.isfinite(value) else "" for value in (found.score, found.threshold)]
        self._writer.writerow([*fields, *known, int(found.alert)])

    def idle(self) -> None:
        sys.stdout.flush()


class Terminal:
    """A line of text and numbers, a bar whose middle is the threshold, and what an alert is about."""

    def __init__(self, table: Table, only_alerts: bool) -> None:
        self._table, self._only_alerts = table, only_alerts
        plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
        self._alert, self._faint, self._end = ("", "", "") if plain else ("\033[1;31m", "\033[2m", "\033[0m")

    def row(self, fields: Sequence[str], numbers: Sequence[float], found: Observation) -> None:
        if self._only_alerts and not found.alert:
            return
        others = [field for place, field in enumerate(fields) if place not in self._table.chosen]
        label = f"{others[0]:19} " if others else ""
        values = " ".join(f"{number:>12,.6g}" for number in numbers[:4]) + (" …" if len(numbers) > 4 else "")
        if math.isnan(found.score):
            print(f"{label}{values}  {self._faint}learning{self._end}")
            return
        note, begin = "", self._faint
        if found.alert:
            name = self._table.names[self._table.chosen[found.column]]
            note, begin = f"  ▲ {name} is unusually {'high' if found.high else 'low'}", self._alert
        elif found.score > found.threshold:
            note, begin = "  muted", ""
        print(f"{label}{values}  {begin}{found.score:6.2f} {_bar(found.score, found.threshold)}{note}{self._end}")

    def idle(self) -> None:
        sys.stdout.flush()


class Chart:
    """The first column, the scores, the threshold and the alerts of the last rows: in a window, or in a picture."""

    def __init__(self, table: Table, picture: str) -> None:
        try:
            import matplotlib
        except ImportError:
            raise SystemExit("--plot: matplotlib is not installed: pip install matplotlib") from None
        if picture:
            matplotlib.use("agg")
        from matplotlib import pyplot

        if not picture and matplotlib.get_backend().lower() == "agg":
            raise SystemExit("--plot: there is no display for a window; --plot FILE.png writes a picture instead.")
        self._pyplot, self._picture, self._rows = pyplot, picture, deque[Any](maxlen=SHOWN)
        self._figure, (self._values, self._scores) = pyplot.subplots(
            2, sharex=True, figsize=(11, 5.5), layout="constrained"
        )
        self._name, self._count, self._drawn, self._drawn_at = table.names[table.chosen[0]], 0, 0, time.monotonic()

    def row(self, fields: Sequence[str], numbers: Sequence[float], found: Observation) -> None:  # noqa: ARG002
        self._count += 1
        self._rows.append((self._count, numbers[0], found.score, found.threshold, found.alert))
        if time.monotonic() - self._drawn_at > (10 * WAIT if self._picture else WAIT):
            self._draw()

    def idle(self) -> None:
        if self._drawn < self._count:
            self._draw()
        elif not self._picture:
            self._pyplot.pause(0.01)

    def _draw(self) -> None:
        self._drawn, self._drawn_at = self._count, time.monotonic()
        numbers, values, scores, thresholds, alerts = zip(*self._rows, strict=True)
        found = [place for place, alert in enumerate(alerts) if alert]
        for axes, series, label in ((self._values, values, self._name), (self._scores, scores, "anomaly score")):
            axes.clear()
            axes.plot(numbers, series, linewidth=1)
            axes.plot([numbers[i] for i in found], [series[i] for i in found], "o", color="#c0392b")
            axes.set_ylabel(label)
        self._scores.step(numbers, thresholds, color="#888888", linestyle="--", label="threshold")
        self._scores.legend(loc="upper left")
        self._scores.set_xlabel("row")
        if self._picture:
            new = Path(f"{self._picture}.new.png")
            self._figure.savefig(new, format="png")
            new.replace(self._picture)
        else:
            self._pyplot.pause(0.01)


def watch(arguments: argparse.Namespace, file: IO[bytes]) -> str:
    """Watch `file` to its end, or until Ctrl-C. → a sentence with what there was."""
    watcher = StreamWatcher(
        RandomCutForest(arguments.trees, arguments.samples, random_state=arguments.seed),
        one_in=arguments.one_in,
        mute=arguments.mute,
        refit_every=arguments.refit_every,
        warm_up=arguments.warm_up,
    )
    table: Table | None = None
    outputs: list[CommaSeparated | Terminal | Chart] = []
    rows, alerts, skipped, number = 0, 0, 0, 0
    try:
        for line in lines_of(file, arguments.file if arguments.follow else None):
            if line is None:
                for output in outputs:
                    output.idle()
                continue
            number += 1
            try:
                fields = _fields(line.lstrip("\ufeff"), arguments.separator)
            except csv.Error as error:
                skipped += 1
                print(f"line {number}: expected CSV, got {line[:40]!r} ({error}); skipped.", file=sys.stderr)
                continue
            if not fields:
                continue
            if table is None:
                table = Table(fields, arguments.columns)
                outputs = [] if table.is_header else _outputs(arguments, table)
                if table.is_header:
                    continue
            elif table.is_header and fields == table.names:
                continue  # the header of the next file
            try:
                numbers = table.numbers(fields)
            except ValueError as error:
                skipped += 1
                print(f"line {number}: {error}; skipped.", file=sys.stderr)
                continue
            outputs = outputs or _outputs(arguments, table)
            (found,) = watcher.observe([numbers])
            rows, alerts = rows + 1, alerts + found.alert
            for output in outputs:
                output.row(fields, numbers, found)
    except KeyboardInterrupt:
        pass
    for output in outputs:
        output.idle()
    return f"Rows: {rows:,}. Alerts: {alerts:,}. Lines skipped: {skipped:,}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="a file of CSV; standard input if there is none")
    parser.add_argument("--follow", action="store_true", help="wait for more at the file's end, also if it is rotated")
    parser.add_argument("--separator", default=",", help="between fields; a space stands for any number of them")
    parser.add_argument(
        "--columns",
        type=lambda text: text.split(","),
        default=[],
        help="names or numbers from 1; all that have numbers in the first line by default",
    )
    parser.add_argument("--one-in", type=float, default=1000, help="rows for each that may exceed the threshold")
    parser.add_argument("--mute", type=int, default=100, help="rows after an alert without another one, unless higher")
    parser.add_argument("--refit-every", type=int, default=50, help="rows after which the forest is grown anew")
    parser.add_argument("--warm-up", type=int, default=100, help="scores before the first alert")
    parser.add_argument("--trees", type=int, default=100, help="trees of the forest")
    parser.add_argument("--samples", type=int, default=256, help="rows that a tree gets, at most")
    parser.add_argument("--seed", type=int, default=0, help="the same seed and rows give the same scores")
    parser.add_argument("--format", choices=("csv", "text"), help="text on a terminal and csv elsewhere by default")
    parser.add_argument("--only-alerts", action="store_true", help="in text, lines with an alert alone")
    parser.add_argument("--plot", nargs="?", const="", metavar="FILE.png", help="a live chart, in a window or a file")
    arguments = parser.parse_args()
    if arguments.follow and (arguments.file is None or not arguments.file.is_file()):
        parser.error("--follow needs a file")
    arguments.separator = {"\\t": "\t"}.get(arguments.separator, arguments.separator)
    if len(arguments.separator) != 1 or arguments.separator in '"\r\n':
        parser.error(f"--separator: expected one character, got {arguments.separator!r}")
    try:
        with sys.stdin.buffer if arguments.file is None else arguments.file.open("rb", buffering=0) as file:
            print(watch(arguments, file), file=sys.stderr)
    except BrokenPipeError:  # the reader has ended: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:  # no such file; an option out of its range
        raise SystemExit(str(error)) from None


def _outputs(arguments: argparse.Namespace, table: Table) -> list[CommaSeparated | Terminal | Chart]:
    kind = arguments.format or ("text" if sys.stdout.isatty() else "csv")
    written = Terminal(table, arguments.only_alerts) if kind == "text" else CommaSeparated(table)
    return [written] if arguments.plot is None else [written, Chart(table, arguments.plot)]


def _fields(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return [field.strip() for row in csv.reader([line], delimiter=separator) for field in row]


def _is_number(field: str) -> bool:
    try:
        return abs(float(field)) <= LARGEST
    except ValueError:
        return False


def _bar(score: float, threshold: float) -> str:
    if not math.isfinite(threshold):
        return ""
    filled = min(BAR, round(BAR * score / (2 * threshold)))
    bar = "█" * filled + "·" * (BAR - filled)
    return f"{bar[: BAR // 2]}│{bar[BAR // 2 :]}"


if __name__ == "__main__":
    main()
