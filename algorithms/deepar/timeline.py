"""Where times lie on the grid of a frequency, and which times come next."""

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.contract.errors import InvalidData

Times = NDArray[np.datetime64]
Counts = NDArray[np.int64]

_SECONDS = {"W": 604_800, "D": 86_400, "H": 3_600, "min": 60}
_MONDAY = 3  # days from a Monday to 1970-01-01
SPARSEST = 100  # steps for each value: an index of fewer values is of another frequency


def positions(times: Times, frequency: Frequency, place: str, base: np.datetime64 | None = None) -> Counts:
    """The step of each time, (n,), counted from `base`, by default the earliest; times need not be sorted.

    Raises `InvalidData` if two times are in one step, a time is between two steps, or hardly any step has a value.
    """
    base = times.min() if base is None else base
    periods = _periods(times, frequency.unit) - _periods(np.array([base]), frequency.unit)
    steps, between = np.divmod(periods, frequency.multiple)
    spelling = f"{frequency.multiple if frequency.multiple > 1 else ''}{frequency.unit}"
    if between.any():
        odd = int(np.flatnonzero(between)[0])
        raise InvalidData(f"{place}.index[{odd}]: expected a multiple of {spelling} after {base}, got {times[odd]}.")
    _, first = np.unique(steps, return_index=True)
    if len(first) < len(steps):
        odd = int(np.setdiff1d(np.arange(len(steps)), first)[0])
        raise InvalidData(f"{place}.index[{odd}]: expected one value for each {spelling}, got {times[odd]} as well.")
    span = int(np.ptp(steps)) + 1
    if span > SPARSEST * (len(steps) + 1):
        raise InvalidData(
            f"{place}.index: expected about one value for each {spelling}, got {len(times)} values in {span} steps."
        )
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
    """`count` times, (count,), from `first` steps after `base` on.

    They keep the base's place in its period: its day of the week, its time of day. In a month they keep the day, or the
    last day with `month_ends`.
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
