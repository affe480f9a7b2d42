"""A record of a training channel: one series, read and checked once.

Source: "Input/Output Interface for the DeepAR Algorithm", AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.likelihood import Support
from forecastle.algorithms.deepar.numbers import read_features, read_target, rows_wanted
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.timestamp import timestamp
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData


@dataclass(frozen=True, slots=True)
class Expected:
    """How many of an optional field each record must have.

    Attributes
    ----------
    count : 0 where no record may have the field; None where nobody looks at it.
    source : what the number is taken from, as an error says it: "as in train/a.json, line 1".
    remedy : what to do about a record that has the field and should not, or the other way round; may be empty.
    """

    count: int | None
    source: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What every record of a channel must contain.

    Attributes
    ----------
    cat : the categories of each record.
    cardinality : of each of them, where it is known already.
    dynamic_feat : the dynamic features of each record.
    support : the values that the target may have.
    """

    cat: Expected
    cardinality: tuple[int, ...] | None
    dynamic_feat: Expected
    support: Support | None


def read_record(record: Any, form: Form) -> Series:
    """The series that a JSON object, or a Parquet row with arrays for lists, is; unknown members are ignored.

    Raises `InvalidData` with the member's place in the record.
    """
    if isinstance(record, list):  # a file that is one array, as pandas' to_json writes it
        raise InvalidData("expected an object, one record a line (JSON Lines), got a list.")
    if not isinstance(record, Mapping):
        raise InvalidData(f"expected an object, got {quotation.of_json(record)}.")
    if "instances" in record and not {"start", "target"} & record.keys():
        raise InvalidData('expected one record a line (JSON Lines), got an object with "instances", as requests are.')
    for name in ("start", "target"):
        if record.get(name) is None:
            raise InvalidData(f'expected "{name}", which is missing.')
    target = read_target(record["target"], form.support, "target")
    cat = _cat(record.get("cat"), form)
    dynamic = _dynamic_feat(record.get("dynamic_feat"), form.dynamic_feat, len(target))
    return Series(timestamp(record["start"], "start"), target, cat, dynamic)


def count_of(record: Any, field: str) -> int:
    """How many the record has of an optional field: 0 where it is missing, null or empty; a bare value is one."""
    given = record.get(field) if isinstance(record, Mapping) else None
    return 0 if _is_absent(given) else len(given) if isinstance(given, list | np.ndarray) else 1


def _is_absent(given: Any) -> bool:
    return given is None or (isinstance(given, list | np.ndarray) and len(given) == 0)


def _is_read(given: Any, field: str, expected: Expected, wanted: str) -> bool:
    """Whether the field is to be read. Raises `InvalidData` where it is missing, or there and should not be."""
    if expected.count is None or (expected.count == 0 and _is_absent(given)):
        return False
    if _is_absent(given):
        raise InvalidData(f'expected "{field}", {wanted}, {expected.source}, which is missing{expected.remedy}.')
    if expected.count == 0:
        got = quotation.of_json(given if not isinstance(given, np.ndarray) else given.tolist())
        raise InvalidData(f'expected no "{field}", {expected.source}, got {got}{expected.remedy}.')
    return True


def _cat(given: Any, form: Form) -> tuple[int, ...]:
    count = form.cat.count
    wanted = "a category" if count == 1 else f"{count} categories"
    if not _is_read(given, "cat", form.cat, wanted):
        return ()
    if isinstance(given, np.ndarray):
        given = given.tolist()
    values: Sequence[Any] = given if isinstance(given, list) else [given]
    if len(values) != count:
        raise InvalidData(f"cat: expected {wanted}, {form.cat.source}, got {len(values)}.")
    for index, value in enumerate(values):
        place = f"cat[{index}]" if isinstance(given, list) else "cat"
        if type(value) is not int or value < 0:
            raise InvalidData(f"{place}: expected an integer of at least 0, got {quotation.of_json(value)}.")
        if form.cardinality is not None and value >= form.cardinality[index]:
            raise InvalidData(
                f"{place}: expected an integer in [0, {form.cardinality[index]}), its cardinality, got {value}."
            )
    return tuple(values)


def _dynamic_feat(given: Any, expected: Expected, length: int) -> Floats | None:
    """The rows of dynamic features, (count, length)."""
    reason = "as many as target has"
    count = expected.count or 0
    if not _is_read(given, "dynamic_feat", expected, rows_wanted(count, length, reason)):
        return None
    if isinstance(given, list) and len(given) != count:
        wanted = "1 list" if count == 1 else f"{count} lists"
        raise InvalidData(f"dynamic_feat: expected {wanted} of values, {expected.source}, got {len(given)}.")
    return read_features(given, count, length, reason, "dynamic_feat")
