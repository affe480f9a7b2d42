"""The optional fields of a channel's records, `cat` and `dynamic_feat`: which are read, and their lengths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.likelihood import Support


@dataclass(frozen=True, slots=True)
class OptionalFields:
    """Which of the optional fields are read.

    "auto" means that all records must have what the first one has; "ignore" leaves the field unread.

    Attributes
    ----------
    cardinality : of each category; () if no record may have any.
    num_dynamic_feat : 0 if no record may have any.
    source : the origin of these numbers, for errors: "as in the train channel"; None for the hyperparameters.
    """

    cardinality: Literal["auto", "ignore"] | tuple[int, ...] = "auto"
    num_dynamic_feat: Literal["auto", "ignore"] | int = "auto"
    source: str | None = None


def fields_of_train(given: DeepARHyperparameters) -> OptionalFields:
    """The fields of the train channel, from the hyperparameters."""
    cardinality, dynamic = given.cardinality, given.num_dynamic_feat
    return OptionalFields(
        tuple(cardinality) if isinstance(cardinality, list) else cardinality or "ignore",
        dynamic or "ignore",
    )


def fields_of_test(
    given: DeepARHyperparameters, cardinality: tuple[int, ...], dynamic: int, place: str
) -> OptionalFields:
    """The fields of the test channel, which are those of the train channel; `place` names it in errors."""
    fields = fields_of_train(given)
    return OptionalFields(
        "ignore" if fields.cardinality == "ignore" else cardinality,
        "ignore" if fields.num_dynamic_feat == "ignore" else dynamic,
        f"as in {place}",
    )


@dataclass(frozen=True, slots=True)
class FieldCount:
    """The length of an optional field that each record must have.

    Attributes
    ----------
    count : 0 if no record may have the field; None if it is not read.
    source : the origin of the number, for errors: "as in train/a.json, line 1".
    remedy : a hint for a record that lacks the field or must not have it; may be empty.
    """

    count: int | None
    source: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """What every record of a channel must contain.

    Attributes
    ----------
    cat : the categories of each record.
    cardinality : of each of them; None if it is not known yet.
    dynamic_feat : the dynamic features of each record.
    support : the values that the target may have.
    """

    cat: FieldCount
    cardinality: tuple[int, ...] | None
    dynamic_feat: FieldCount
    support: Support | None


def schema_of(place: str, first: Any, fields: OptionalFields, support: Support | None) -> RecordSchema:
    """The schema of a channel whose first record is `first`, at `place`."""
    cardinality = fields.cardinality if isinstance(fields.cardinality, tuple) else None
    categories = len(fields.cardinality) if isinstance(fields.cardinality, tuple) else fields.cardinality

    def expected(field: str, number: str | int, hyperparameter: str) -> FieldCount:
        remedy = f'give "{field}" to all records or to none, or set {hyperparameter} to ignore'
        if number == "ignore":
            return FieldCount(None)
        if number == "auto":
            return FieldCount(_count(first, field), f"as in {place}", remedy)
        if fields.source is None:
            return FieldCount(int(number), f"as given by hyperparameter {hyperparameter}")
        return FieldCount(int(number), fields.source, remedy)

    cat = expected("cat", categories, "cardinality")
    dynamic = expected("dynamic_feat", fields.num_dynamic_feat, "num_dynamic_feat")
    return RecordSchema(cat, cardinality if cat.count else (), dynamic, support)


def is_absent(given: Any) -> bool:
    return given is None or (isinstance(given, list | np.ndarray) and len(given) == 0)


def _count(record: Any, field: str) -> int:
    """The length of an optional field of the record: 0 if it is missing, null or empty; 1 if it is a bare value."""
    given = record.get(field) if isinstance(record, Mapping) else None
    return 0 if is_absent(given) else len(given) if isinstance(given, list | np.ndarray) else 1
