"""The tasks of `deepar_parity`: real series, what is known of them, and what came.

`m4_hourly`: the 414 hourly series of M4, 48 hours ahead, scored on M4's own test part. `electricity`: a customer every
two hours, trained on all but the last eight weeks, which are forecast a week ahead each. `taxi`: New York's taxi
passengers every half hour, a day ahead for each of the last 14 days. `monthly`: 350 series of 36 months with two
categories and two dynamic features, a year ahead.

`m4_short`: the last 60 to 144 hours of each series of M4, for a context of 168. `monthly_short`: the last 13 to 24 of
those months, for a context of 30. `m4_missing`, `electricity_missing`: the same as without `_missing`, a third of the
values missing at random; what is forecast is whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.gluonts_mxnet import Asked, Floats
from benchmarks.real_series import (
    ELECTRICITY_START,
    M4_START,
    TAXI_START,
    electricity,
    m4_hourly,
    monthly_records,
    taxi,
)
from forecastle.algorithms.deepar.series import Series

WEEKS, DAYS = 8, 14


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned, what is then known when forecasting, and what came."""

    asked: Asked
    train: Sequence[Series]
    known: Sequence[Series]
    observed: Floats  # (series, steps)
    season: int  # steps


def m4_task() -> Task:
    given, observed = m4_hourly()
    series = [Series(time(M4_START), values.astype(np.float32)) for values in given]
    asked = Asked(freq="H", context_length=48, prediction_length=48, epochs=0, batch_size=32)
    return Task(asked, series, series, observed, season=24)


def m4_short_task() -> Task:
    whole, rng = m4_task(), np.random.default_rng(0)
    series = [replace(each, target=each.target[-rng.integers(60, 145) :]) for each in whole.train]
    return replace(whole, asked=replace(whole.asked, context_length=168), train=series, known=series)


def m4_missing_task() -> Task:
    whole = m4_task()
    series = with_gaps(whole.train)
    return replace(whole, train=series, known=series)


def electricity_task() -> Task:
    load, start, week = electricity().astype(np.float32), time(ELECTRICITY_START), 84
    asked = Asked(freq="2H", context_length=week, prediction_length=week, epochs=0, batch_size=32)
    return rolling(load, start, asked, WEEKS, season=week)


def electricity_missing_task() -> Task:
    whole = electricity_task()
    longest = Series(whole.known[-1].start, whole.known[-1].target)
    (gappy,) = with_gaps([longest])
    known = [replace(each, target=gappy.target[: len(each.target)]) for each in whole.known]
    return replace(whole, train=known[:1], known=known)


def taxi_task() -> Task:
    asked = Asked(freq="30min", context_length=48, prediction_length=48, epochs=0, batch_size=32)
    return rolling(taxi().astype(np.float32), time(TAXI_START), asked, DAYS, season=336)


def monthly_task() -> Task:
    records, year = monthly_records(), 12
    series, observed = [], []
    for record in records:
        target, dynamic = np.array(record["target"], np.float32), np.array(record["dynamic_feat"], np.float32)
        observed.append(target[-year:])
        start = time(record["start"])
        series.append(Series(start, target[:-year], tuple(record["cat"]), dynamic[:, : len(target)]))
    asked = Asked(freq="M", context_length=year, prediction_length=year, epochs=0, batch_size=32)
    return Task(asked, series, series, np.stack(observed), season=year)


def monthly_short_task() -> Task:
    whole, rng = monthly_task(), np.random.default_rng(0)
    series = []
    for each in whole.train:
        first = len(each.target) - int(rng.integers(13, 25))
        assert each.dynamic_feat is not None
        start = (each.start.astype("datetime64[M]") + first).astype("datetime64[s]")
        series.append(Series(start, each.target[first:], each.cat, each.dynamic_feat[:, first:]))
    return replace(whole, asked=replace(whole.asked, context_length=30), train=series, known=series)


def rolling(values: NDArray[np.float32], start: np.datetime64, asked: Asked, times: int, season: int) -> Task:
    """One series, forecast so many times in turn at its end; trained on what is before."""
    length = asked.prediction_length
    ends = [len(values) - left * length for left in range(times, 0, -1)]
    known = [Series(start, values[:end]) for end in ends]
    observed: NDArray[np.float32] = np.stack([values[end : end + length] for end in ends])
    return Task(asked, known[:1], known, observed, season=season)


def with_gaps(series: Sequence[Series]) -> list[Series]:
    """The series with a third of their values missing, at random."""
    rng = np.random.default_rng(0)
    return [
        replace(each, target=np.where(rng.random(len(each.target)) < 1 / 3, np.float32(np.nan), each.target))
        for each in series
    ]


def time(text: str) -> np.datetime64:
    return np.datetime64(text.replace(" ", "T"), "s")


TASKS: dict[str, Callable[[], Task]] = {
    "m4_hourly": m4_task,
    "electricity": electricity_task,
    "taxi": taxi_task,
    "monthly": monthly_task,
    "m4_short": m4_short_task,
    "monthly_short": monthly_short_task,
    "m4_missing": m4_missing_task,
    "electricity_missing": electricity_missing_task,
}

EPOCHS = {
    "m4_hourly": 100,
    "electricity": 50,
    "taxi": 50,
    "monthly": 100,
    "m4_short": 50,
    "monthly_short": 100,
    "m4_missing": 100,
    "electricity_missing": 50,
}
