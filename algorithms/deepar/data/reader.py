"""Reads time series in the forms usual in Python: pandas' objects, arrays with a start, SageMaker's records."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.data.collection import Collection, Item
from forecastle.algorithms.deepar.data.forms import is_frame, is_one, is_pair, is_series, kind_of
from forecastle.algorithms.deepar.data.index import parsed, times_of
from forecastle.algorithms.deepar.data.values import categories_of, features_of, numbers
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.start import read_start
from forecastle.algorithms.deepar.timeline import are_month_ends, positions
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Key, Place, text_of

LONG = ("unique_id", "ds", "y")
FORMS = (
    'a pandas Series with a DatetimeIndex or PeriodIndex, a pair (start, values), a record with "start" and "target", '
    "or values alone with the argument `start`"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reader:
    """Reads series of one frequency, with their categories and dynamic features.

    Attributes
    ----------
    cat, dynamic_feat, start : the arguments of that name of `DeepAR.fit`.
    ahead : the number of steps to forecast, which is also the number of rows that a long DataFrame with features has
        for them at the end of each series; None: all rows after the last "y".
    noun : the caller's name for the data, for errors.
    """

    frequency: Frequency
    cat: Any = None
    dynamic_feat: Any = None
    start: Any = None
    ahead: int | None = 0
    noun: str = "data"

    def read(self, data: Any) -> Collection:
        """Read the series. Raises `InvalidData` with the place of the error."""
        if is_frame(data) and set(LONG) <= set(data.columns):
            return Collection(tuple(self._long(data)), "long")
        if is_one(data, self.start):
            item = self._item(data, "", (self.noun,), self.cat, self.dynamic_feat)
            return Collection((item,), "one")
        items = tuple(self._several(data))
        if not items:
            raise InvalidData(place=(self.noun,), expected="time series", got="none")
        return Collection(items, "several")

    def _several(self, data: Any) -> Iterator[Item]:
        named: Iterable[tuple[Hashable, Any]]
        if is_frame(data):
            times_of(data.index, (self.noun,))
            if not data.columns.is_unique:
                raise InvalidData(place=(self.noun, "columns"), expected="each name once")
            named = data.items()
        elif isinstance(data, Mapping):
            named = data.items()
        elif isinstance(data, Iterable) and not isinstance(data, str | bytes):
            named = enumerate(data)
        else:
            expected = f"{FORMS}; or a list, a dict or a DataFrame of them"
            raise InvalidData(place=(self.noun,), expected=expected, got=kind_of(data))
        for position, (key, value) in enumerate(named):
            place = (self.noun, Key(key))
            cat = _of(self.cat, key, position, "cat", place)
            shared = self.dynamic_feat is not None and is_frame(self.dynamic_feat)
            features = self.dynamic_feat if shared else _of(self.dynamic_feat, key, position, "dynamic_feat", place)
            yield self._item(value, key, place, cat, features)

    def _item(self, value: Any, key: Hashable, place: Place, cat: Any, features: Any) -> Item:
        if is_series(value):
            return self._indexed(value, value.index, key, place, cat, features)
        if isinstance(value, Mapping):
            for name in ("start", "target"):
                if value.get(name) is None:
                    raise InvalidData(place=place, expected=f'"{name}", which is missing')
            cat = value.get("cat") if cat is None else cat
            features = value.get("dynamic_feat") if features is None else features
            start, values = value["start"], value["target"]
        elif is_pair(value):
            start, values = value
        elif self.start is not None and not isinstance(value, str | bytes) and isinstance(value, Iterable):
            start, values = self.start, value
        else:
            raise InvalidData(place=place, expected=FORMS, got=kind_of(value))
        base = _start(start, (*place, "start"))
        target = numbers(values, place)
        rows, cut = features_of(features, base, self.frequency, (*place, "dynamic_feat"))
        ends = are_month_ends(np.array([base]))
        return Item(key, place, base, target, categories_of(cat), rows, cut, None, ends)

    def _indexed(self, values: Any, index: Any, key: Hashable, place: Place, cat: Any, features: Any) -> Item:
        times = times_of(index, place)
        if not len(times):
            expected = "at least one value, because its index gives the start"
            raise InvalidData(place=place, expected=expected, got="none")
        steps = positions(times, self.frequency, place)
        target = np.full(int(steps.max()) + 1, np.nan)
        target[steps] = numbers(values, place)
        base = times.min()
        rows, cut = features_of(features, base, self.frequency, (*place, "dynamic_feat"))
        return Item(key, place, base, target, categories_of(cat), rows, cut, index, are_month_ends(times))

    def _long(self, frame: Any) -> Iterator[Item]:
        categories, features = _columns(self.cat, frame, "cat"), _columns(self.dynamic_feat, frame, "dynamic_feat")
        if not len(frame):
            raise InvalidData(place=(self.noun,), expected="time series", got="none")
        if frame["unique_id"].isna().any():
            expected = "the name of a series in each row"
            raise InvalidData(place=(self.noun, Key("unique_id")), expected=expected, got="none in some")
        for key, rows in frame.groupby("unique_id", sort=False, observed=True):
            place = (self.noun, Key(key))
            rows = rows.set_index("ds")
            if not hasattr(rows.index, "start_time") and rows.index.dtype.kind == "O":
                rows.index = parsed(rows.index, place)
            rows = rows.sort_index(kind="stable")
            for name in categories:
                if rows[name].nunique(dropna=False) > 1:
                    expected = "one category for a series"
                    raise InvalidData(place=(*place, Key(name)), expected=expected, got="several")
            cat = [rows[name].iloc[0] for name in categories] or None
            past = self._past(rows, place) if features else rows
            given = rows[features] if features else None
            yield self._indexed(past["y"], past.index, key, place, cat, given)

    def _past(self, rows: Any, place: Place) -> Any:
        """The rows of a series' history, without those at its end that are to be forecast."""
        known = rows["y"].notna().to_numpy().nonzero()[0]
        if self.ahead is None:
            return rows.iloc[: int(known[-1]) + 1] if len(known) else rows.iloc[:0]
        past = len(rows) - self.ahead
        if past < 1 or (self.ahead and len(known) and known[-1] >= past):
            rows_wanted = f"{self.ahead} rows after the history, those to be forecast"
            raise InvalidData(place=place, expected=f'{rows_wanted}, with the dynamic features and without "y"')
        return rows.iloc[:past]


def _of(given: Any, key: Hashable, position: int, name: str, place: Place) -> Any:
    """The entry of an argument for one of several series: by its key, or else by its position."""
    if given is None:
        return None
    try:
        if hasattr(given, "loc"):
            return given.loc[key]
        return given[key if isinstance(given, Mapping) else position]
    except (KeyError, IndexError):
        got = f"none for {text_of(place)}"
        raise InvalidData(place=(name,), expected="one entry for each series", got=got) from None
    except TypeError:
        raise InvalidData(place=(name,), expected="a list, in the order of the series, or a dict") from None


def _columns(given: Any, frame: Any, name: str) -> list[Any]:
    names = [] if given is None else [given] if isinstance(given, str) else list(given)
    for column in names:
        if not isinstance(column, Hashable) or column not in frame.columns:
            raise InvalidData(place=(name,), expected="names of columns of the data", got=f"{column!r:.60}")
    return names


def _start(value: Any, place: Place) -> np.datetime64:
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise InvalidData(place=place, expected="a time", got="NaT")
        seconds: np.datetime64 = value.astype("M8[s]")
        return seconds
    return read_start(getattr(value, "start_time", value), place)
