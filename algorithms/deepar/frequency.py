"""Frequencies: their spelling, and their time features and lags.

The features and lags are those of GluonTS (`time_features_from_frequency_str`, `get_lags_for_frequency`), computed with
numpy's dates: pandas, which GluonTS uses, takes more memory than the rest of a server.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.contract.errors import InvalidData

Times = NDArray[np.datetime64]
Counts = NDArray[np.int64]
EXPECTED = "M, W, D, H or min, or a multiple such as 15min"
_SPELLING = re.compile(r"([1-9][0-9]{0,5})?(M|W|D|H|min)")


@dataclass(frozen=True, slots=True)
class Frequency:
    """The time from one value of a series to the next, SageMaker's `time_freq`; `str()` gives its text."""

    multiple: int
    unit: str  # M, W, D, H or min
    text: str = field(compare=False)  # as it was spelled: "2H", "15min", "D" …

    @classmethod
    def parse(cls, text: str) -> "Frequency":
        """Parse `2H`, `15min`, `D` … Raises `InvalidData`."""
        match = _SPELLING.fullmatch(text)
        if match is None:
            raise InvalidData(place=("time_freq",), expected=EXPECTED, got=f"{text!r:.40}")
        return cls(int(match[1] or 1), match[2], text)

    def __str__(self) -> str:
        return self.text

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the time features, in the network's order."""
        return _FEATURES[self.unit]

    @property
    def lags(self) -> tuple[int, ...]:
        """The lags of a step's inputs, ascending: of the latest values, and of those one or more seasons earlier."""
        seasons = _LAGS[self.unit](self.multiple)
        return tuple(range(1, _LATEST + 1)) + tuple(sorted({int(lag) for lag in seasons if _LATEST < lag <= _EARLIEST}))

    def times(self, start: np.datetime64, first: int, count: int) -> Times:
        """The times of `count` steps of a series, from the `first` on, (count,): each step's last day, hour or minute.

        A `start` within a month, week, day … means all of it, as in pandas' periods; a week ends with its Sunday.
        """
        steps = self.multiple * np.arange(first, first + count)
        if self.unit == "W":
            days = start.astype("datetime64[D]").astype(np.int64)
            sundays: Times = (days + (_SUNDAY - days) % 7 + 7 * steps).astype("datetime64[D]")
            return sundays
        times: Times = start.astype(f"datetime64[{_NUMPY_UNITS[self.unit]}]") + steps
        return times

    def time_features(
        self, start: np.datetime64, first: int, count: int, names: tuple[str, ...] | None = None
    ) -> Floats:
        """The features of these steps, (features, count), each scaled to [−0.5, 0.5]; by default all of `features`."""
        times = self.times(start, first, count)
        counted = [_COUNTS[name] for name in (self.features if names is None else names)]
        counts = np.array([count_of(times) for count_of, _ in counted]).reshape(len(counted), count)
        largest = np.array([most for _, most in counted])
        features: Floats = (counts / largest[:, None] - 0.5).astype(np.float32)
        return features


def frequency_meant(text: str) -> str | None:
    """SageMaker's spelling of a frequency of pandas, `15min` for `15T`; None if it is the same or does not exist.

    For the hint in an error. `W-MON`, `B` and `s` have no equivalent, and `m` may be months or minutes. Source: "Offset
    aliases" and "Period aliases", pandas' user guide.
    """
    match = _PANDAS_SPELLING.fullmatch("".join(text.split()))
    if _SPELLING.fullmatch(text) or match is None or match[2] not in _PANDAS_UNITS:
        return None
    number, unit = _PANDAS_UNITS[match[2]]
    multiple = number * int(match[1] or 1)
    meant = f"{multiple}{unit}" if multiple > 1 else unit
    return meant if _SPELLING.fullmatch(meant) else None


_PANDAS_SPELLING = re.compile(r"(?:0*([1-9][0-9]{0,5}))?([A-Za-z-]+)")
_PANDAS_UNITS: Mapping[str, tuple[int, str]] = {  # how many of which unit of `time_freq` each is
    **dict.fromkeys(("M", "ME", "MS"), (1, "M")),
    **dict.fromkeys(("Q", "QE", "QS"), (3, "M")),
    **dict.fromkeys(("A", "AS", "Y", "YE", "YS"), (12, "M")),
    **dict.fromkeys(("W", "W-SUN", "w"), (1, "W")),
    **dict.fromkeys(("D", "d"), (1, "D")),
    **dict.fromkeys(("H", "h"), (1, "H")),
    **dict.fromkeys(("min", "T", "t", "Min", "MIN"), (1, "min")),
}

_LATEST, _EARLIEST = 7, 1200  # the latest values, always lags; the largest lag
_SUNDAY = 3  # 1970-01-04, in days
_NUMPY_UNITS = {"M": "M", "D": "D", "H": "h", "min": "m"}
_FEATURES: Mapping[str, tuple[str, ...]] = {
    "M": ("month of year",),
    "W": ("day of month", "week of year"),
    "D": ("day of week", "day of month", "day of year"),
    "H": ("hour of day", "day of week", "day of month", "day of year"),
    "min": ("minute of hour", "hour of day", "day of week", "day of month", "day of year"),
}


def _since(times: Times, unit: str, within: str) -> Counts:
    """The number of numpy's `unit`s since the beginning of the `within` of each time."""
    counts: Counts = (times.astype(f"M8[{unit}]") - times.astype(f"M8[{within}]").astype(f"M8[{unit}]")).astype(
        np.int64
    )
    return counts


def _day_of_week(times: Times) -> Counts:
    days: Counts = (times.astype("M8[D]").astype(np.int64) - _SUNDAY - 1) % 7  # Monday is 0
    return days


def _week_of_year(times: Times) -> Counts:
    """ISO 8601's week less one: a week belongs to the year of its Thursday."""
    thursday: Times = times.astype("M8[D]") + (3 - _day_of_week(times)).astype("m8[D]")
    return _since(thursday, "D", "Y") // 7


# How each feature is counted from 0, and its largest value.
_COUNTS: Mapping[str, tuple[Callable[[Times], Counts], int]] = {
    "minute of hour": (lambda times: _since(times, "m", "h"), 59),
    "hour of day": (lambda times: _since(times, "h", "D"), 23),
    "day of week": (_day_of_week, 6),
    "day of month": (lambda times: _since(times, "D", "M"), 30),
    "day of year": (lambda times: _since(times, "D", "Y"), 365),
    "week of year": (_week_of_year, 52),
    "month of year": (lambda times: _since(times, "M", "Y"), 11),
}

FEATURE_NAMES = tuple(_COUNTS)


def _around(season: float, seasons: int, multiple: float, width: int) -> list[float]:
    """The lags at most `width` steps from one, two, … `seasons` seasons."""
    return [
        number * season // multiple + offset for number in range(1, seasons + 1) for offset in range(-width, width + 1)
    ]


def _monthly(multiple: float) -> list[float]:
    return _around(12, 3, multiple, 1)


def _weekly(multiple: float) -> list[float]:
    return [*_around(52, 3, multiple, 1), *(weeks // multiple for weeks in (4, 8, 12))]


def _days(multiple: float) -> list[float]:
    return [*_around(7, 4, multiple, 1), *_around(30, 1, multiple, 1)]


def _daily(multiple: float) -> list[float]:
    return [*_days(multiple), *_weekly(multiple / 7)]


def _hourly(multiple: float) -> list[float]:
    # Not _daily(multiple / 24), which would round the weeks differently from GluonTS.
    return [*_around(24, 7, multiple, 1), *_days(multiple / 24), *_weekly(multiple / (24 * 7))]


def _minutely(multiple: float) -> list[float]:
    hours = [*_around(60, 3, multiple, 2), *_around(24, 7, multiple / 60, 1)]
    return [*hours, *_days(multiple / (24 * 60)), *_weekly(multiple / (24 * 60 * 7))]


_LAGS: Mapping[str, Callable[[float], list[float]]] = {
    "M": _monthly,
    "W": _weekly,
    "D": _daily,
    "H": _hourly,
    "min": _minutely,
}
