"""One series of a request, read and checked against what the model was trained for.

Source: "DeepAR Inference Formats", AWS's developer guide.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.deepar.network import Network
from algorithms.deepar.series import Series
from algorithms.deepar.timestamp import timestamp
from contract.errors import InvalidData
from contract.formats import quotation
from contract.formats.number import FLOAT32_OVERFLOW

Floats = NDArray[np.float32]

_NUMBERS = frozenset({int, float})
_NUMBERS_OR_NULL = frozenset({int, float, type(None)})


def read_instance(instance: Any, network: Network, place: str, dot: str = ".") -> Series:
    """The series that an instance is; members that nobody knows are ignored.

    Its place is `place`, and that of a member is `place`, `dot` and the member's name. Raises `InvalidData`.
    """
    if not isinstance(instance, dict):
        raise InvalidData(f"{place}: expected an object, got {quotation.of_json(instance)}.")
    for name in ("start", "target"):
        if name not in instance:
            raise InvalidData(f'{place}: expected "{name}", which is missing.')
    start = timestamp(instance["start"], f"{place}{dot}start")
    target = _numbers(instance["target"], f"{place}{dot}target", missing=True)
    cat = _categories(instance, network, place, dot)
    return Series(start, target, cat, _dynamic_feat(instance, network, len(target), place, dot))


def _numbers(values: Any, place: str, *, missing: bool) -> Floats:
    """A list of numbers, (length,); with `missing`, null and "NaN" become NaN."""
    wanted = 'a number, null or "NaN"' if missing else "a number"
    if not isinstance(values, list):
        raise InvalidData(f"{place}: expected a list, each {wanted}, got {quotation.of_json(values)}.")
    kinds = set(map(type, values))
    if missing and str in kinds:
        values = [None if value == "NaN" else value for value in values]
        kinds = set(map(type, values))
    if kinds <= (_NUMBERS_OR_NULL if missing else _NUMBERS):
        numbers = np.array(values, np.float64)
        ordinary = np.abs(numbers) < FLOAT32_OVERFLOW
        if ordinary.all() or (missing and (ordinary | np.isnan(numbers)).all()):
            return numbers.astype(np.float32)
    raise _fault(values, place, wanted, missing)


def _fault(values: list[Any], place: str, wanted: str, missing: bool) -> InvalidData:
    """The first number that is none."""
    for index, value in enumerate(values):
        if type(value) in _NUMBERS:
            if abs(value) < FLOAT32_OVERFLOW or (missing and value != value):
                continue
            wanted = "a finite number that float32 holds"
        elif missing and value is None:
            continue
        return InvalidData(f"{place}[{index}]: expected {wanted}, got {quotation.of_json(value)}.")
    raise AssertionError("there is nothing to refuse")


def _categories(instance: Mapping[str, Any], network: Network, place: str, dot: str) -> tuple[int, ...]:
    given, cardinality = instance.get("cat"), network.cardinality
    if given is None or given == []:
        if cardinality:
            raise InvalidData(f'{place}: expected "cat", {_of_categories(cardinality)}, which is missing.')
        return ()
    where = f"{place}{dot}cat"
    if not cardinality:
        raise InvalidData(
            f"{where}: expected none, as the model was trained without categories, got "
            f"{quotation.of_json(given)}: leave it out."
        )
    if not isinstance(given, list):
        if len(cardinality) > 1:
            raise InvalidData(f"{where}: expected {_of_categories(cardinality)}, got {quotation.of_json(given)}.")
        return (_category(given, cardinality[0], where),)
    if len(given) != len(cardinality):
        raise InvalidData(f"{where}: expected {_of_categories(cardinality)}, got {len(given)}.")
    return tuple(
        _category(value, values, f"{where}[{index}]") for index, (value, values) in enumerate(zip(given, cardinality))
    )


def _category(value: Any, cardinality: int, place: str) -> int:
    if type(value) is not int or not 0 <= value < cardinality:
        raise InvalidData(
            f"{place}: expected a category seen in training, from 0 to {cardinality - 1} (cardinality {cardinality}), "
            f"got {quotation.of_json(value)}."
        )
    return value


def _of_categories(cardinality: tuple[int, ...]) -> str:
    return f"a list of {len(cardinality)} " + ("categories" if len(cardinality) > 1 else "category")


def _dynamic_feat(instance: Mapping[str, Any], network: Network, length: int, place: str, dot: str) -> Floats | None:
    """The rows of dynamic features, (D, length + T)."""
    given, count = instance.get("dynamic_feat"), network.num_dynamic_feat
    steps = length + network.prediction_length
    wanted = (
        f"{count} list{'s' if count > 1 else ''} of {steps} values "
        f"(target {length} + prediction_length {network.prediction_length})"
    )
    if given is None or given == []:
        if count:
            raise InvalidData(f'{place}: expected "dynamic_feat", {wanted}, which is missing.')
        return None
    where = f"{place}{dot}dynamic_feat"
    if not count:
        raise InvalidData(
            f"{where}: expected none, as the model was trained without dynamic features, got "
            f"{quotation.of_json(given)}: leave it out."
        )
    if not isinstance(given, list):
        raise InvalidData(f"{where}: expected {wanted}, got {quotation.of_json(given)}.")
    if len(given) != count:
        raise InvalidData(f"{where}: expected {wanted}, got {len(given)}.")
    rows = np.empty((count, steps), np.float32)
    for index, values in enumerate(given):
        row = _numbers(values, f"{where}[{index}]", missing=False)
        if len(row) != steps:
            raise InvalidData(
                f"{where}[{index}]: expected {steps} values (target {length} + prediction_length "
                f"{network.prediction_length}), got {len(row)}."
            )
        rows[index] = row
    return rows
