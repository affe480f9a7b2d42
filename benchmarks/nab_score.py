"""NAB's scores of anomaly scores: an early detection in a labelled window counts, every detection elsewhere costs.

Reference: Lavin, Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark", ICMLA 2015,
and the rules of the benchmark's version 1.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PROBATION = 0.15  # of a file's rows, of its first 5,000 at most: they are not scored
_FAR = 3.0  # widths of a window after which a false alarm costs all


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user wants: a false alarm costs `false_alarm`, a missed window `missed`; a found one gives at most 1."""

    false_alarm: float
    missed: float


PROFILES = {
    "standard": Profile(0.11, 1.0),
    "reward_low_FP_rate": Profile(0.22, 1.0),
    "reward_low_FN_rate": Profile(0.11, 2.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A file's anomaly scores, (rows,), and its labelled windows, (windows, 2): first and last row of each."""

    scores: Floats
    windows: NDArray[np.int64]


def benchmark_score(files: Sequence[Scored], profile: Profile, threshold: float | None = None) -> tuple[float, float]:
    """The benchmark's score, 100 for all windows found at once, 0 for no detection, and its threshold.

    Rows that score at least the threshold, one for all files, are detections. None takes the threshold with the highest
    score, as the benchmark does.
    """
    totals, thresholds = totals_by_threshold(files, profile)
    chosen = int(np.argmax(totals)) if threshold is None else int(np.flatnonzero(thresholds >= threshold)[-1])
    windows = sum(len(file.windows) for file in files)
    nothing = totals[0]  # with a threshold above every score
    return float(100 * (totals[chosen] - nothing) / (windows - nothing)), float(thresholds[chosen])


def totals_by_threshold(files: Sequence[Scored], profile: Profile) -> tuple[Floats, Floats]:
    """The sum of the values of all detections, for no detection and for each distinct score as the threshold.

    → totals and thresholds, from the highest, ∞, to the lowest score, (distinct scores + 1,) each.
    """
    scores, values, windows = (np.concatenate(arrays) for arrays in zip(*_numbered(files, profile), strict=True))
    order = np.argsort(-scores, kind="stable")
    scores, values, windows = scores[order], values[order], windows[order]
    gains = np.where(windows < 0, values, 0.0)
    found = np.unique(windows[windows >= 0])
    for window in found:
        rows = np.flatnonzero(windows == window)  # of a window only the most valuable detection counts
        best = np.maximum.accumulate(np.maximum(values[rows], -profile.missed))
        gains[rows] = np.diff(best, prepend=-profile.missed)
    last = np.flatnonzero(np.diff(scores, append=-np.inf))  # of the rows with the same score
    nothing = -profile.missed * len(found)
    return np.append(nothing, nothing + np.cumsum(gains)[last]), np.append(np.inf, scores[last])


def row_values(rows: int, windows: NDArray[Any], profile: Profile) -> tuple[Floats, NDArray[np.int64]]:
    """What a detection at each row is worth, (rows,), and the number of the row's window, (rows,), -1 outside.

    In a window from its first row, 1, to its last, about 0; after one from about 0 to −`false_alarm`, the further away
    the worse; −`false_alarm` before the first.
    """
    values, numbers = np.full(rows, -profile.false_alarm), np.full(rows, -1, np.int64)
    place = np.arange(rows)
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        inside, after = slice(first, last + 1), slice(last + 1, rows)
        values[inside] = _sigmoid((place[inside] - last - 1) / width) / _sigmoid(-1.0)
        numbers[inside] = number
        values[after] = profile.false_alarm * _sigmoid((place[after] - last) / (width - 1))
    return values, numbers


def _numbered(files: Sequence[Scored], profile: Profile) -> list[tuple[Floats, Floats, NDArray[np.int64]]]:
    """Of each file the scores, values and windows of the rows after its probation; windows are numbered over all."""
    numbered, before = [], 0
    for file in files:
        rows = len(file.scores)
        values, windows = row_values(rows, file.windows, profile)
        windows[windows >= 0] += before
        before += len(file.windows)
        start = probation(rows)
        numbered.append((file.scores[start:], values[start:], windows[start:]))
    return numbered


def probation(rows: int) -> int:
    """The number of a file's first rows that are not scored."""
    return int(min(np.floor(PROBATION * rows), PROBATION * 5000))


def _sigmoid(position: Any) -> Any:
    """From 1 far before 0 to −1 after it; `position` is in widths of a window."""
    return np.where(np.asarray(position) > _FAR, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, _FAR))) - 1)
