"""A time series of a request or a training record: its numbers, parsed and checked once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.arrays import Doubles, Floats
from forecastle.algorithms.deepar.likelihood import Support
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place
from forecastle.formats.number import FLOAT32_OVERFLOW

MEMBERS = ("start", "target", "cat", "dynamic_feat")  # of a record of a training file, and of an instance of a request


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Series:
    """One series and its covariates.

    Nothing is checked here: `cat` must have one value below each of the network's cardinalities, `dynamic_feat` one
    finite row for each of its dynamic features, and `target` no infinity.
    """

    start: np.datetime64  # of the first value; in seconds ("datetime64[s]"), without a time zone
    target: Floats  # (length,) in the series' own unit; NaN is missing; may be empty
    cat: tuple[int, ...] = ()  # one 0-based category for each of the network's cardinalities
    dynamic_feat: Floats | None = None  # (D, length + T): to the end of the forecast; None if D is 0


def read_target(values: Any, support: Support | None, place: Place) -> Floats:
    """A target, (length,); null, NaN and "NaN" are missing values, NaN in the result.

    Raises `InvalidData` with the place of the first value that is not a number or outside the likelihood's `support`.
    """
    target = _numbers(values, place, missing=True)
    if support is not None:
        outside = np.flatnonzero((target < support.low) | (target > support.high))
        if len(outside):
            first = int(outside[0])
            raise InvalidData(place=(*place, first), expected=support.description, got=f"{target[first]:.7g}")
    return target


def read_features(given: Any, count: int, length: int, reason: str, place: Place) -> Floats:
    """The rows of dynamic features, (count, length); `reason` says why each must have that length.

    Raises `InvalidData` if there are more or fewer rows, or a row is longer, shorter or misses a value.
    """
    wanted = rows_wanted(count, length, reason)
    if not isinstance(given, list):
        raise InvalidData(place=place, expected=wanted, got=quotation.of_json(given))
    if len(given) != count:
        raise InvalidData(place=place, expected=wanted, got=str(len(given)))
    rows = np.empty((count, length), np.float32)
    for index, values in enumerate(given):
        row = _numbers(values, (*place, index), missing=False)
        if len(row) != length:
            raise InvalidData(place=(*place, index), expected=f"{length} values ({reason})", got=str(len(row)))
        rows[index] = row
    return rows


def rows_wanted(count: int, length: int, reason: str) -> str:
    return f"{count} list{'s' if count > 1 else ''} of {length} values ({reason})"


_NUMBERS: frozenset[type] = frozenset({int, float, quotation.Written})
_NUMBERS_OR_NULL: frozenset[type] = _NUMBERS | {type(None)}


def _numbers(values: Any, place: Place, *, missing: bool) -> Floats:
    """A list of numbers, or an array of them from Parquet, (length,); with `missing`, some may be missing."""
    wanted = 'a number, null or "NaN"' if missing else "a number"
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64, copy=False)
    elif isinstance(values, list):
        numbers = _from_list(values, place, wanted, _NUMBERS_OR_NULL if missing else _NUMBERS)
    else:
        raise InvalidData(place=place, expected=f"a list, each {wanted}", got=quotation.of_json(values))
    fine = np.abs(numbers) < FLOAT32_OVERFLOW
    if missing:
        fine |= np.isnan(numbers)
    if not fine.all():
        index = int(np.argmin(fine))
        got = quotation.of_json(values[index] if isinstance(values, list) else float(numbers[index]))
        raise InvalidData(place=(*place, index), expected="a finite number in the range of float32", got=got)
    return numbers.astype(np.float32)


def _from_list(values: list[Any], place: Place, wanted: str, allowed: frozenset[type]) -> Doubles:
    kinds = set(map(type, values))
    if str in kinds and type(None) in allowed:
        values = [None if value == "NaN" else value for value in values]
        kinds = set(map(type, values))
    if not kinds <= allowed:
        index = next(index for index, value in enumerate(values) if type(value) not in allowed)
        raise InvalidData(place=(*place, index), expected=wanted, got=quotation.of_json(values[index]))
    return np.array(values, np.float64)
