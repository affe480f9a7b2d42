"""A record of a training channel: one series, read and checked once.

Source: "Input/Output Interface for the DeepAR Algorithm", AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from algorithms.deepar.series import Series
from algorithms.deepar.timestamp import timestamp
from contract.errors import InvalidData
from contract.formats import quotation
from contract.formats.number import FLOAT32_OVERFLOW

Floats = NDArray[np.float32]

# What targets may be, for likelihoods that cannot draw everything.
SUPPORT: Mapping[str, tuple[float, float, str]] = {
    "beta": (0.0, 1.0, "a number in [0, 1], as the likelihood is beta"),
    "negative-binomial": (0.0, np.inf, "a number that is not negative, as the likelihood is negative-binomial"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What every record of a channel must hold.

    Attributes
    ----------
    categories : how many each record has in `cat`; 0 where `cat` is not read.
    cardinality : of each of them, where it is known already.
    num_dynamic_feat : 0 where `dynamic_feat` is not read.
    likelihood : limits the target.
    """

    categories: int
    cardinality: tuple[int, ...] | None
    num_dynamic_feat: int
    likelihood: str


def read_record(record: Any, form: Form) -> Series:
    """The series that a JSON object, or a Parquet row with arrays for lists, is; unknown members are ignored.

    Raises `InvalidData` with the member's place in the record.
    """
    if not isinstance(record, Mapping):
        raise InvalidData(f"expected an object, got {quotation.of_json(record)}.")
    for name in ("start", "target"):
        if record.get(name) is None:
            raise InvalidData(f'expected "{name}", which is missing.')
    target = _numbers(record["target"], "target", missing=True)
    _require_support(target, form.likelihood)
    cat = _cat(record.get("cat"), form) if form.categories else ()
    dynamic = _dynamic_feat(record.get("dynamic_feat"), form.num_dynamic_feat, len(target))
    return Series(timestamp(record["start"], "start"), target, cat, dynamic)


def categories_of(record: Any) -> int:
    """How many categories the record has in `cat`; a bare number is one."""
    given = record.get("cat") if isinstance(record, Mapping) else None
    return 0 if given is None else len(given) if isinstance(given, list) else 1


def dynamic_features_of(record: Any) -> int:
    """How many series the record has in `dynamic_feat`."""
    given = record.get("dynamic_feat") if isinstance(record, Mapping) else None
    return len(given) if isinstance(given, list) else 0


def _numbers(values: Any, place: str, *, missing: bool) -> Floats:
    """A list of numbers, (length,); with `missing`, null, NaN and "NaN" become NaN."""
    wanted = 'a number, null or "NaN"' if missing else "a number"
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64, copy=False)
    elif isinstance(values, list):
        numbers = _from_list(values, place, wanted, missing)
    else:
        raise InvalidData(f"{place}: expected a list, each {wanted}, got {quotation.of_json(values)}.")
    fine = np.abs(numbers) < FLOAT32_OVERFLOW
    if missing:
        fine |= np.isnan(numbers)
    if not fine.all():
        index = int(np.argmin(fine))
        raise InvalidData(f"{place}[{index}]: expected a number that float32 holds, got {float(numbers[index])}.")
    return numbers.astype(np.float32)


_NUMBERS: frozenset[type] = frozenset({int, float})
_NUMBERS_OR_NULL: frozenset[type] = frozenset({int, float, type(None)})


def _from_list(values: list[Any], place: str, wanted: str, missing: bool) -> NDArray[np.float64]:
    kinds = set(map(type, values))
    if missing and str in kinds:
        values = [None if value == "NaN" else value for value in values]
        kinds = set(map(type, values))
    allowed = _NUMBERS_OR_NULL if missing else _NUMBERS
    if not kinds <= allowed:
        _refuse(values, place, wanted, allowed)
    return np.array(values, np.float64)


def _refuse(values: list[Any], place: str, wanted: str, allowed: frozenset[type]) -> NoReturn:
    index = next(index for index, value in enumerate(values) if type(value) not in allowed)
    raise InvalidData(f"{place}[{index}]: expected {wanted}, got {quotation.of_json(values[index])}.")


def _require_support(target: Floats, likelihood: str) -> None:
    if likelihood in SUPPORT:
        low, high, wanted = SUPPORT[likelihood]
        odd = np.flatnonzero((target < low) | (target > high))
        if len(odd):
            came = np.format_float_positional(target[odd[0]], trim="-")
            raise InvalidData(f"target[{odd[0]}]: expected {wanted}, got {came}.")


def _cat(given: Any, form: Form) -> tuple[int, ...]:
    wanted = "a category" if form.categories == 1 else f"{form.categories} categories"
    if given is None:
        raise InvalidData(f'expected "cat", {wanted}, as in the first record, which is missing.')
    values: Sequence[Any] = given if isinstance(given, list) else [given]
    if len(values) != form.categories:
        raise InvalidData(f"cat: expected {wanted}, as everywhere, got {len(values)}.")
    for index, value in enumerate(values):
        place = f"cat[{index}]" if isinstance(given, list) else "cat"
        if type(value) is not int or value < 0:
            raise InvalidData(f"{place}: expected an integer of at least 0, got {quotation.of_json(value)}.")
        if form.cardinality is not None and value >= form.cardinality[index]:
            raise InvalidData(
                f"{place}: expected an integer in [0, {form.cardinality[index]}), its cardinality, got {value}."
            )
    return tuple(values)


def _dynamic_feat(given: Any, count: int, length: int) -> Floats | None:
    """The rows of dynamic features, (count, length)."""
    if not count:
        return None
    wanted = f"{count} list{'s' if count > 1 else ''} of {length} values, as many as target has"
    if given is None:
        raise InvalidData(f'expected "dynamic_feat", {wanted}, which is missing.')
    if not isinstance(given, list):
        raise InvalidData(f"dynamic_feat: expected {wanted}, got {quotation.of_json(given)}.")
    if len(given) != count:
        raise InvalidData(f"dynamic_feat: expected {wanted}, got {len(given)} lists.")
    rows = np.empty((count, length), np.float32)
    for index, values in enumerate(given):
        row = _numbers(values, f"dynamic_feat[{index}]", missing=False)
        if len(row) != length:
            raise InvalidData(
                f"dynamic_feat[{index}]: expected {length} values, as many as target has, got {len(row)}."
            )
        rows[index] = row
    return rows
