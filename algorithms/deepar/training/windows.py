"""Training windows: parts of series, of a history and the steps to forecast, drawn at random.

Source: `ExpectedNumInstanceSampler` and `InstanceSplitter` of GluonTS, which draw them the same way; here features
are computed once, not at every pass over the series.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats, Indices
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source

BATCHES_PER_EPOCH = 10  # as in SageMaker's logs


@dataclass(frozen=True, slots=True)
class Work:
    """The work of an epoch: passes over the series, and the share of them that gives a window in each, on average."""

    passes: int
    share: float
    windows: int  # in all, on average


def work_per_epoch(series: int, batch_size: int) -> Work:
    """About ten batches; if there are more series than windows in those, one pass over all series."""
    windows = BATCHES_PER_EPOCH * batch_size
    if series >= windows:
        return Work(1, 1.0, series)
    passes = math.ceil(windows / series)
    return Work(passes, windows / (passes * series), windows)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Windows:
    """A batch; n windows of h steps of history, of which the last `context_length` are the context, and T to forecast.

    Missing values, and those before a series' start, are not observed.
    """

    past: Floats  # (n, h)
    past_observed: Floats  # (n, h)
    past_features: Floats  # (n, h, features); of the context only, zero before it
    future: Floats  # (n, T)
    future_observed: Floats  # (n, T)
    future_features: Floats  # (n, T, features)
    cat: Floats  # (n, categorical features); a zero if the model has none
    padded: Indices  # (n,): the steps of the history that are before the series' start

    def __len__(self) -> int:
        return len(self.past)

    def scaled(self, factors: Floats) -> "Windows":
        """The windows with the values of each multiplied by one of `factors`, (n,)."""
        return replace(self, past=self.past * factors[:, None], future=self.future * factors[:, None])


class WindowSource:
    """Series to draw windows from.

    Raises `InvalidData` if none of them has `prediction_length` values.
    """

    def __init__(self, series: Sequence[Series], settings: Settings) -> None:
        self._settings = settings
        self._horizon = settings.given.prediction_length
        self._history = settings.history
        self._likelihood = settings.given.likelihood
        self._series = [each for each in series if len(each.target) >= self._horizon]
        if not self._series:
            longest = max((len(each.target) for each in series), default=0)
            raise InvalidData(
                place=(Source("Channel train"),),
                expected=f"a series of at least prediction_length={self._horizon} values",
                got=f"at most {longest}",
            )
        self._features = [_features(each, settings) for each in self._series]
        self._positions = np.array([len(each.target) - self._horizon + 1 for each in self._series])
        self.work = work_per_epoch(len(series), settings.given.mini_batch_size)
        # Identifies the training data: the number of series, their total length and sum.
        lengths, sums = zip(*((len(each.target), np.nansum(each.target, dtype=np.float64)) for each in series))
        self.fingerprint = (float(len(series)), float(sum(lengths)), float(sum(sums)))

    def draw(self, rng: np.random.Generator) -> Indices:
        """An epoch's windows in random order, (windows, 2): a series, and where in it the forecast begins.

        Each selected series is cut at each of its positions with the same probability, with one window per series on
        average; long series give more than short ones.
        """
        chance, count = 1 / self._positions.mean(), len(self._positions)
        while True:
            kept = np.flatnonzero(rng.random(self.work.passes * count) < self.work.share)  # pass · count + series
            visits = np.repeat(kept, rng.binomial(self._positions[kept % count], chance))
            if len(visits):
                series = visits % count
                cuts = _distinct(visits, self._positions[series], rng)
                return rng.permutation(np.stack([series, cuts], axis=1))

    def batch(self, drawn: Indices) -> Windows:
        """The windows of `drawn`, (n, 2)."""
        count, history, horizon = len(drawn), self._history, self._horizon
        context, width = self._settings.given.context_length, len(self._features[0])
        past, future = np.full((count, history), np.nan, np.float32), np.empty((count, horizon), np.float32)
        features = np.full((count, context + horizon, width), self._likelihood.fill_value, np.float32)
        for row, (index, cut) in enumerate(drawn.tolist()):
            target, known = self._series[index].target, self._features[index]
            length = min(cut, history)
            past[row, history - length :] = target[cut - length : cut]
            future[row] = target[cut : cut + horizon]
            length = min(cut, context)
            features[row, context - length :] = known[:, cut - length : cut + horizon].T
        past_features = np.zeros((count, history, width), np.float32)
        past_features[:, history - context :] = features[:, :context]
        cat = [self._series[index].cat or (0,) for index in drawn[:, 0]]
        padded = np.maximum(history - drawn[:, 1], 0)
        past, past_observed = self._filled(past)
        future, future_observed = self._filled(future)
        return Windows(
            past,
            past_observed,
            past_features,
            future,
            future_observed,
            np.ascontiguousarray(features[:, context:]),
            np.array(cat, np.float32),
            padded,
        )

    def _filled(self, values: Floats) -> tuple[Floats, Floats]:
        """The values with missing ones replaced, and 1 for observed and 0 for missing ones."""
        observed = ~np.isnan(values)
        values[~observed] = self._likelihood.fill_value
        if self._likelihood.clip is not None:
            values.clip(*self._likelihood.clip, out=values)
        return values, observed.astype(np.float32)


def _distinct(groups: Indices, sizes: Indices, rng: np.random.Generator) -> Indices:
    """A random number below each size, all different in a group; all members of a group have the same size."""
    drawn, again = np.empty_like(sizes), np.arange(len(sizes))
    while len(again):
        drawn[again] = rng.integers(sizes[again])
        first = np.unique(groups * sizes.max() + drawn, return_index=True)[1]
        again = np.setdiff1d(np.arange(len(drawn)), first)
    return drawn


def _features(series: Series, settings: Settings) -> Floats:
    """Time features, age and dynamic features of each step, (features, steps)."""
    steps = len(series.target)
    dates = settings.given.time_freq.time_features(series.start, 0, steps, settings.own_date_features)
    rows = [dates, np.log10(2.0 + np.arange(steps, dtype=np.float32))[None]]
    if series.dynamic_feat is not None:
        rows.append(series.dynamic_feat[:, :steps])
    features: Floats = np.concatenate(rows, dtype=np.float32)
    return features
