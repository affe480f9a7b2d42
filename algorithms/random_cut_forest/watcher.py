"""Watching a stream: a score for each row, and an alert where it is above a threshold, from the rows before it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest
from forecastle.kernels.arrays import Floats

MEMORY = 10_000  # scores from which the threshold is taken, at most


@dataclass(frozen=True, slots=True)
class Observation:
    """What a watcher found in a row.

    score : the anomaly score, the higher the more unusual; NaN while there is no forest.
    threshold : infinite until there are enough scores.
    alert : whether the score is above the threshold and not muted.
    column, high : of an alert, the column that has the largest share in the score, and whether it is too high.
    """

    score: float
    threshold: float
    alert: bool = False
    column: int | None = None
    high: bool | None = None


class StreamWatcher:
    """Anomaly scores and alerts for rows as they come.

    Each row is scored by a forest of the rows before it, which is grown anew after every `refit_every` rows, so scores
    follow a stream that drifts. The threshold is the score that one in `one_in` of the previous scores (10,000 at
    most) exceeded; it needs no labels and no knowledge of the scale. After an alert, the next `mute` rows raise another
    one only if they score higher. What is found depends on the rows alone, not on how they are divided among calls.

    A watcher can be pickled, to continue later. Memory is bounded: see `RandomCutForest.partial_fit`.

    Parameters
    ----------
    forest : RandomCutForest, default=None
        The estimator that scores; rows that it has seen are the beginning of the past. None is
        `RandomCutForest(random_state=0)`.
    one_in : float, default=1000
        Rows for each that scores above the threshold, in the past.
    mute : int, default=100
        Rows after an alert in which only a higher score raises the next one.
    refit_every : int, default=50
        Rows after which the forest is grown anew.
    warm_up : int, default=100
        Scores that are needed for a threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from forecastle import StreamWatcher
    >>> rows = np.random.default_rng(0).normal(size=(1000, 1))
    >>> rows[700] = 9.0
    >>> found = StreamWatcher().observe(rows)
    >>> found[700].alert, found[700].high
    (True, True)
    """

    def __init__(
        self,
        forest: RandomCutForest | None = None,
        *,
        one_in: float = 1000,
        mute: int = 100,
        refit_every: int = 50,
        warm_up: int = 100,
    ) -> None:
        for name, value, least in (
            ("one_in", one_in, 1),
            ("mute", mute, 0),
            ("refit_every", refit_every, 1),
            ("warm_up", warm_up, 1),
        ):
            if not value >= least:
                raise ValueError(f"{name}: expected a number of at least {least}, got {value}.")
            if name != "one_in" and isinstance(value, float):
                raise ValueError(f"{name}: expected a whole number, got {value}.")
        if forest is not None and forest.__sklearn_is_fitted__() and getattr(forest, "_past", None) is None:
            raise ValueError("forest: expected an estimator with the rows it was fitted to, got a loaded model.")
        self.forest = RandomCutForest(random_state=0) if forest is None else forest
        self._one_in, self._mute, self._refit_every, self._warm_up = one_in, mute, refit_every, warm_up
        self._new: list[NDArray[np.float64]] = []  # rows that the forest has not seen
        self._past: deque[float] = deque(maxlen=MEMORY)
        self._sorted: list[float] = []  # the same scores
        self._since_alert = mute
        self._alert_score = 0.0

    def observe(self, rows: ArrayLike) -> list[Observation]:
        """What is found in each of the next rows, (n, columns). Raises `ValueError` on a value amiss, before any."""
        given = self._checked(rows)
        found: list[Observation] = []
        while len(given):
            room = self._refit_every - len(self._new)
            found += self._observe_block(given[:room])
            self._new += list(given[:room])
            given = given[room:]
            if len(self._new) == self._refit_every:
                self.forest.partial_fit(np.stack(self._new))
                self._new = []
        return found

    def _observe_block(self, rows: NDArray[np.float64]) -> list[Observation]:
        if not self.forest.__sklearn_is_fitted__():
            return [Observation(math.nan, math.inf)] * len(rows)
        scores = -self.forest.score_samples(rows)
        return [self._judge(row, score) for row, score in zip(rows, scores.tolist(), strict=True)]

    def _judge(self, row: NDArray[np.float64], score: float) -> Observation:
        threshold = self._threshold()
        self._remember(score)
        self._since_alert += 1
        if score <= threshold or (self._since_alert <= self._mute and score <= self._alert_score):
            return Observation(score, threshold)
        self._since_alert, self._alert_score = 0, score
        shares: Floats = np.stack(self.forest.attribution(row[np.newaxis]))[:, 0]  # (high and low, columns)
        column = int(shares.max(axis=0).argmax())
        return Observation(score, threshold, True, column, bool(shares[0, column] >= shares[1, column]))

    def _threshold(self) -> float:
        count = len(self._sorted)
        if count < self._warm_up:
            return math.inf
        return self._sorted[max(0, math.ceil(count * (1 - 1 / self._one_in)) - 1)]

    def _remember(self, score: float) -> None:
        if len(self._past) == MEMORY:
            del self._sorted[bisect_left(self._sorted, self._past[0])]
        self._past.append(score)
        insort(self._sorted, score)

    def _checked(self, rows: ArrayLike) -> NDArray[np.float64]:
        """`rows`, (n, columns), finite as float32 and as wide as those before."""
        given = np.asarray(rows, np.float64)
        if given.ndim != 2 or given.shape[1] == 0:
            raise ValueError(f"rows: expected an array of (rows, columns), got one of shape {given.shape}.")
        width = len(self._new[0]) if self._new else getattr(self.forest, "n_features_in_", given.shape[1])
        if given.shape[1] != width:
            raise ValueError(f"rows: expected {width} columns, got {given.shape[1]}.")
        wrong = np.argwhere(~(np.abs(given) <= np.finfo(np.float32).max))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise ValueError(f"rows[{row}, {column}]: expected a finite number, got {given[row, column]}.")
        return given
