"""The steps of a frequency that times fall into, and the times of future steps."""

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place

Times = NDArray[np.datetime64]
Counts = NDArray[np.int64]

_SECONDS = {"W": 604_800, "D": 86_400, "H": 3_600, "min": 60}
_MONDAY = 3  # days from a Monday to 1970-01-01
SPARSEST = 100  # steps per value: an index with fewer values has another frequency


def positions(times: Times, frequency: Frequency, place: Place, base: np.datetime64 | None = None) -> Counts:
    """The step of each time, (n,), counted from `base`, by default the earliest; times need not be sorted.

    Raises `InvalidData` if two times are in one step, a time is between two steps, or few of the steps
    have a value (`SPARSEST`).
    """
    base, index = times.min() if base is None else base, (*place, "index")
    periods = _periods(times, frequency.unit) - _periods(np.array([base]), frequency.unit)
    steps, between = np.divmod(periods, frequency.multiple)
    spelling = f"{frequency.multiple if frequency.multiple > 1 else ''}{frequency.unit}"
    if between.any():
        odd = int(np.flatnonzero(between)[0])
        raise InvalidData(place=(*index, odd), expected=f"a multiple of {spelling} after {base}", got=str(times[odd]))
    _, first = np.unique(steps, return_index=True)
    if len(first) < len(steps):
        odd = int(np.setdiff1d(np.arange(len(steps)), first)[0])
        raise InvalidData(place=(*index, odd), expected=f"one value for each {spelling}", got=f"{times[odd]} as well")
    span = int(np.ptp(steps)) + 1
    if span > SPARSEST * (len(steps) + 1):
        got = f"{len(times)} values in {span} steps"
        raise InvalidData(place=index, expected=f"about one value for each {spelling}", got=got)
    result: Counts = steps
    return result


def _periods(times: Times, unit: str) -> Counts:
    """The number of the month, week, day … that contains each time."""
    if unit == "M":
        return times.astype("M8[M]").astype(np.int64)
    if unit == "W":  # weeks end on Sunday
        return (times.astype("M8[D]").astype(np.int64) + _MONDAY) // 7
    return times.astype("M8[s]").astype(np.int64) // _SECONDS[unit]


def are_month_ends(times: Times) -> bool:
    """Whether each time is on the last day of its month."""
    following = times.astype("M8[D]") + np.timedelta64(1, "D")
    return bool((following.astype("M8[M]") != times.astype("M8[M]")).all())


def shifted(base: np.datetime64, first: int, count: int, frequency: Frequency, *, month_ends: bool) -> Times:
    """The times of `count` steps, (count,), from `first` steps after `base` on.

    They keep the base's position in its period: its day of the week, its time of day; the day of the month, or the last
    one with `month_ends`.
    """
    steps = frequency.multiple * np.arange(first, first + count)
    if frequency.unit != "M":
        later: Times = base.astype("M8[s]") + (steps * _SECONDS[frequency.unit]).astype("m8[s]")
        return later
    months = base.astype("M8[M]") + steps.astype("m8[M]")
    last = (months + np.timedelta64(1, "M")).astype("M8[D]") - np.timedelta64(1, "D")
    day = base.astype("M8[D]")
    days = last if month_ends else np.minimum(months.astype("M8[D]") + (day - base.astype("M8[M]")), last)
    result: Times = days.astype("M8[s]") + (base.astype("M8[s]") - day)
    return result
