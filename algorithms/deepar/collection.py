"""Time series as people have them in Python: pandas' objects, arrays with a start, SageMaker's records.

pandas is never imported here: a caller who passes one of its objects has imported it.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.series import read_start
from forecastle.algorithms.deepar.timeline import are_month_ends, positions
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData

LONG = ("unique_id", "ds", "y")
FORMS = (
    'a pandas Series with a DatetimeIndex or PeriodIndex, a pair (start, values), a record with "start" and "target", '
    "or values alone with the argument `start`"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Item:
    """One series.

    Attributes
    ----------
    key, place : what the caller calls it, and how an error does: `data["MT_001"]`.
    base : the time of the first value.
    target : (length,), NaN where a value is missing.
    cat : its categories; None where none were given.
    dynamic_feat : its dynamic features, a row each; None where none were given.
    cut : whether the features may be longer than requested, because they are aligned by their times.
    index : pandas' index of the series, where it has one.
    month_ends : whether the times of the series are the last days of months.
    """

    key: Hashable
    place: str
    base: np.datetime64
    target: NDArray[np.float64]
    cat: list[Any] | None = None
    dynamic_feat: list[NDArray[np.float64]] | None = None
    cut: bool = False
    index: Any = None
    month_ends: bool = False

    def record(self, steps: int) -> dict[str, Any]:
        """The series in the form of SageMaker's records and requests; features that may be cut have `steps` values."""
        record: dict[str, Any] = {"start": self.base.item(), "target": self.target}
        if self.cat is not None:
            record["cat"] = self.cat
        if self.dynamic_feat is not None:
            record["dynamic_feat"] = [row[:steps] if self.cut else row for row in self.dynamic_feat]
        return record


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Collection:
    """Series, and the form that they came in: one alone, several, or a long DataFrame."""

    items: tuple[Item, ...]
    form: Literal["one", "several", "long"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reader:
    """What is needed to read series.

    Attributes
    ----------
    cat, dynamic_feat, start : the arguments of that name of `DeepAR.fit`.
    ahead : how many steps are to be forecast, if the data end with rows for them.
    """

    frequency: Frequency
    cat: Any = None
    dynamic_feat: Any = None
    start: Any = None
    ahead: int = 0

    def read(self, data: Any) -> Collection:
        """Raises `InvalidData` with the place of the fault."""
        if _is_frame(data) and set(LONG) <= set(data.columns):
            return Collection(tuple(self._long(data)), "long")
        if _is_one(data, self.start):
            item = self._item(data, "", "data", self.cat, self.dynamic_feat)
            return Collection((item,), "one")
        items = tuple(self._several(data))
        if not items:
            raise InvalidData("data: expected time series, got none.")
        return Collection(items, "several")

    def _several(self, data: Any) -> Iterator[Item]:
        named: Iterable[tuple[Hashable, Any]]
        if _is_frame(data):
            _times(data.index, "data")
            if not data.columns.is_unique:
                raise InvalidData("data.columns: expected each name once.")
            named = data.items()
        elif isinstance(data, Mapping):
            named = data.items()
        elif isinstance(data, Iterable) and not isinstance(data, str | bytes):
            named = enumerate(data)
        else:
            raise InvalidData(f"data: expected {FORMS}; or a list, a dict or a DataFrame of them, got {_kind(data)}.")
        for position, (key, value) in enumerate(named):
            place = f"data[{_quoted(key)}]"
            cat = _of(self.cat, key, position, "cat", place)
            shared = self.dynamic_feat is not None and _is_frame(self.dynamic_feat)
            features = self.dynamic_feat if shared else _of(self.dynamic_feat, key, position, "dynamic_feat", place)
            yield self._item(value, key, place, cat, features)

    def _item(self, value: Any, key: Hashable, place: str, cat: Any, features: Any) -> Item:
        if _is_series(value):
            return self._indexed(value, value.index, key, place, cat, features)
        if isinstance(value, Mapping):
            for name in ("start", "target"):
                if value.get(name) is None:
                    raise InvalidData(f'{place}: expected "{name}", which is missing.')
            cat = value.get("cat") if cat is None else cat
            features = value.get("dynamic_feat") if features is None else features
            start, values = value["start"], value["target"]
        elif _is_pair(value):
            start, values = value
        elif self.start is not None and not isinstance(value, str | bytes) and isinstance(value, Iterable):
            start, values = self.start, value
        else:
            raise InvalidData(f"{place}: expected {FORMS}, got {_kind(value)}.")
        base = _start(start, f"{place}.start")
        target = _numbers(values, place)
        rows, cut = _features(features, base, self.frequency, f"{place}.dynamic_feat")
        ends = are_month_ends(np.array([base]))
        return Item(key, place, base, target, _categories(cat), rows, cut, None, ends)

    def _indexed(self, values: Any, index: Any, key: Hashable, place: str, cat: Any, features: Any) -> Item:
        times = _times(index, place)
        if not len(times):
            raise InvalidData(f"{place}: expected at least one value, because its index gives the start, got none.")
        steps = positions(times, self.frequency, place)
        target = np.full(int(steps.max()) + 1, np.nan)
        target[steps] = _numbers(values, place)
        base = times.min()
        rows, cut = _features(features, base, self.frequency, f"{place}.dynamic_feat")
        return Item(key, place, base, target, _categories(cat), rows, cut, index, are_month_ends(times))

    def _long(self, frame: Any) -> Iterator[Item]:
        categories, features = _columns(self.cat, frame, "cat"), _columns(self.dynamic_feat, frame, "dynamic_feat")
        if not len(frame):
            raise InvalidData("data: expected time series, got none.")
        if frame["unique_id"].isna().any():
            raise InvalidData('data["unique_id"]: expected the name of a series in each row, got none in some.')
        for key, rows in frame.groupby("unique_id", sort=False, observed=True):
            place = f"data[{_quoted(key)}]"
            rows = rows.set_index("ds")
            if not hasattr(rows.index, "start_time") and rows.index.dtype.kind == "O":
                rows.index = _parsed(rows.index, place)
            rows = rows.sort_index(kind="stable")
            for name in categories:
                if rows[name].nunique(dropna=False) > 1:
                    raise InvalidData(f'{place}["{name}"]: expected one category for a series, got several.')
            cat = [rows[name].iloc[0] for name in categories] or None
            past = rows
            if features and self.ahead:
                past, ahead = rows.iloc[: -self.ahead], rows["y"].iloc[-self.ahead :]
                if len(rows) <= self.ahead or ahead.notna().any():
                    raise InvalidData(
                        f"{place}: expected {self.ahead} rows after the history, those to be forecast, with the "
                        'dynamic features and without "y".'
                    )
            given = rows[features] if features else None
            yield self._indexed(past["y"], past.index, key, place, cat, given)


def _is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns")


def _is_series(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "index") and hasattr(value, "dtype")


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and _is_start(value[0])


def _is_start(value: Any) -> bool:
    return isinstance(value, str | date | np.datetime64) or hasattr(value, "start_time")


def _is_one(data: Any, start: Any) -> bool:
    if _is_series(data) or _is_pair(data) or (isinstance(data, Mapping) and "target" in data):
        return True
    if start is None or _is_frame(data) or isinstance(data, Mapping):
        return False
    return np.ndim(data[0]) == 0 if isinstance(data, Sequence) and len(data) else np.ndim(data) == 1


def _of(given: Any, key: Hashable, position: int, name: str, place: str) -> Any:
    """What belongs to one of several series: by its key, or in the order of the series."""
    if given is None:
        return None
    try:
        if hasattr(given, "loc"):
            return given.loc[key]
        return given[key if isinstance(given, Mapping) else position]
    except (KeyError, IndexError):
        raise InvalidData(f"{name}: expected one entry for each series, got none for {place}.") from None
    except TypeError:
        raise InvalidData(f"{name}: expected a list, in the order of the series, or a dict.") from None


def _columns(given: Any, frame: Any, name: str) -> list[Any]:
    names = [] if given is None else [given] if isinstance(given, str) else list(given)
    for column in names:
        if not isinstance(column, Hashable) or column not in frame.columns:
            raise InvalidData(f"{name}: expected names of columns of the data, got {column!r:.60}.")
    return names


def _parsed(index: Any, place: str) -> Any:
    """Texts as times."""
    import pandas

    try:
        return pandas.DatetimeIndex(index)
    except (TypeError, ValueError) as error:
        raise InvalidData(f'{place}["ds"]: expected times ({error!s:.80}).') from None


def _times(index: Any, place: str) -> NDArray[np.datetime64]:
    """The times of a pandas index, (n,), in seconds; of periods, their starts."""
    if getattr(index, "tz", None) is not None:
        raise InvalidData(
            f"{place}.index: expected times without a time zone, got {index.tz}: "
            'convert them, as by data.tz_convert("UTC").tz_localize(None).'
        )
    if hasattr(index, "to_timestamp") and hasattr(index, "start_time"):
        index = index.to_timestamp(how="start")
    times = index.to_numpy()
    if times.dtype.kind != "M":
        raise InvalidData(f"{place}.index: expected a DatetimeIndex or a PeriodIndex, got {_kind(index)}.")
    if np.isnat(times).any():
        raise InvalidData(f"{place}.index[{int(np.isnat(times).argmax())}]: expected a time, got NaT.")
    result: NDArray[np.datetime64] = times.astype("M8[s]")
    return result


def _start(value: Any, place: str) -> np.datetime64:
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise InvalidData(f"{place}: expected a time, got NaT.")
        seconds: np.datetime64 = value.astype("M8[s]")
        return seconds
    return read_start(getattr(value, "start_time", value), place)


def _numbers(values: Any, place: str) -> NDArray[np.float64]:
    """Values of one dimension, (n,); None, NaN and pandas' NA are missing ones."""
    array = np.asarray(values if not isinstance(values, Iterator) else list(values))
    if array.ndim != 1:
        raise InvalidData(f"{place}: expected values in one dimension, got {array.ndim}.")
    if array.dtype.kind in "iuf" or not len(array):
        return array.astype(np.float64)
    return np.array([_number(value, f"{place}[{index}]") for index, value in enumerate(array.tolist())], np.float64)


def _number(value: Any, place: str) -> float:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value).__name__ == "NAType":
        return np.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise InvalidData(f"{place}: expected a number, or NaN if it is missing, got {_shown(value)}.")


def _categories(given: Any) -> list[Any] | None:
    if given is None:
        return None
    values = [given] if np.ndim(given) == 0 else list(given)
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _features(
    given: Any, base: np.datetime64, frequency: Frequency, place: str
) -> tuple[list[NDArray[np.float64]] | None, bool]:
    """The rows of dynamic features, and whether they were aligned by the times of their index."""
    if given is None:
        return None, False
    if not (_is_frame(given) or _is_series(given)):
        rows = [given] if np.ndim(given[0] if len(given) else given) == 0 else list(given)
        return [_numbers(row, f"{place}[{index}]") for index, row in enumerate(rows)], False
    times = _times(given.index, place)
    if not len(times):
        raise InvalidData(f"{place}: expected features from {base} on, got none.")
    steps = positions(times, frequency, place, base)
    inside = steps >= 0
    columns = [given] if _is_series(given) else [given.iloc[:, index] for index in range(given.shape[1])]
    rows = []
    for index, column in enumerate(columns):
        row = np.full(max(int(steps.max()) + 1, 0), np.nan)
        row[steps[inside]] = _numbers(column, f"{place}[{index}]")[inside]
        rows.append(row)
    return rows, True


def _quoted(key: Hashable) -> str:
    return json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)


def _shown(value: Any) -> str:
    return quotation.of_json(value) if isinstance(value, str | bool | int | float | None) else _kind(value)


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"
