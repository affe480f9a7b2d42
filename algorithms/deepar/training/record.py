"""A record of a training channel: one series, read and checked once.

Source: "Input/Output Interface for the DeepAR Algorithm", AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms.deepar.numbers import Floats, read_features, read_target, rows_wanted
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.timestamp import timestamp
from forecastle.contract.errors import InvalidData
from forecastle.formats import quotation


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
    target = read_target(record["target"], form.likelihood, "target")
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
    reason = "as many as target has"
    if given is None:
        raise InvalidData(f'expected "dynamic_feat", {rows_wanted(count, length, reason)}, which is missing.')
    return read_features(given, count, length, reason, "dynamic_feat")
