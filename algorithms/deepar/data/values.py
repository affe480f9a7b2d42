"""The values, categories and dynamic features of one series as arrays and lists."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.data.forms import is_frame, is_series, kind_of
from forecastle.algorithms.deepar.data.index import times_of
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.timeline import positions
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place


def numbers(values: Any, place: Place) -> NDArray[np.float64]:
    """Values of one dimension, (n,); None, NaN and pandas' NA are missing values. Raises `InvalidData`."""
    array = np.asarray(values if not isinstance(values, Iterator) else list(values))
    if array.ndim != 1:
        raise InvalidData(place=place, expected="values in one dimension", got=str(array.ndim))
    if array.dtype.kind in "iuf" or not len(array):
        return array.astype(np.float64)
    return np.array([_number(value, (*place, index)) for index, value in enumerate(array.tolist())], np.float64)


def _number(value: Any, place: Place) -> float:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value).__name__ == "NAType":
        return np.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise InvalidData(place=place, expected="a number, or NaN if it is missing", got=_shown(value))


def categories_of(given: Any) -> list[Any] | None:
    if given is None:
        return None
    values = [given] if np.ndim(given) == 0 else list(given)
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def features_of(
    given: Any, base: np.datetime64, frequency: Frequency, place: Place
) -> tuple[list[NDArray[np.float64]] | None, bool]:
    """The rows of dynamic features, and whether they were aligned by the times of their index."""
    if given is None:
        return None, False
    if not (is_frame(given) or is_series(given)):
        rows = [given] if np.ndim(given[0] if len(given) else given) == 0 else list(given)
        return [numbers(row, (*place, index)) for index, row in enumerate(rows)], False
    times = times_of(given.index, place)
    if not len(times):
        raise InvalidData(place=place, expected=f"features from {base} on", got="none")
    steps = positions(times, frequency, place, base)
    inside = steps >= 0
    columns = [given] if is_series(given) else [given.iloc[:, index] for index in range(given.shape[1])]
    rows = []
    for index, column in enumerate(columns):
        row = np.full(max(int(steps.max()) + 1, 0), np.nan)
        row[steps[inside]] = numbers(column, (*place, index))[inside]
        rows.append(row)
    return rows, True


def _shown(value: Any) -> str:
    return quotation.of_json(value) if isinstance(value, str | bool | int | float | None) else kind_of(value)
