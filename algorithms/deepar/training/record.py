"""A record of a training channel: one series, parsed and checked once.

Source: "Input/Output Interface for the DeepAR Algorithm", AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.series import Series, read_features, read_target, rows_wanted
from forecastle.algorithms.deepar.start import read_start
from forecastle.algorithms.deepar.training.fields import FieldCount, RecordSchema, is_absent
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData


def read_record(record: Any, schema: RecordSchema) -> Series:
    """The series of a JSON object, or of a Parquet row with arrays for lists; unknown members are ignored.

    Raises `InvalidData` with the member's place in the record.
    """
    if isinstance(record, list):  # a file that is one array, as pandas' to_json writes it
        raise InvalidData(expected="an object, one record per line (JSON Lines)", got="a list")
    if not isinstance(record, Mapping):
        raise InvalidData(expected="an object", got=quotation.of_json(record))
    if "instances" in record and not {"start", "target"} & record.keys():
        got = 'an object with "instances", as in a request'
        raise InvalidData(expected="one record per line (JSON Lines)", got=got)
    for name in ("start", "target"):
        if record.get(name) is None:
            raise InvalidData(expected=f'"{name}", which is missing')
    target = read_target(record["target"], schema.support, ("target",))
    cat = _cat(record.get("cat"), schema)
    dynamic = _dynamic_feat(record.get("dynamic_feat"), schema.dynamic_feat, len(target))
    return Series(read_start(record["start"], ("start",)), target, cat, dynamic)


def _is_read(given: Any, field: str, expected: FieldCount, wanted: str) -> bool:
    """Whether the field is to be read. Raises `InvalidData` if it is missing, or must not be there."""
    if expected.count is None or (expected.count == 0 and is_absent(given)):
        return False
    if is_absent(given):
        text = f'"{field}", {wanted}, {expected.source}, which is missing'
        raise InvalidData(expected=text, hint=expected.remedy)
    if expected.count == 0:
        got = quotation.of_json(given if not isinstance(given, np.ndarray) else given.tolist())
        raise InvalidData(expected=f'no "{field}", {expected.source}', got=got, hint=expected.remedy)
    return True


def _cat(given: Any, schema: RecordSchema) -> tuple[int, ...]:
    count = schema.cat.count
    wanted = "a category" if count == 1 else f"{count} categories"
    if not _is_read(given, "cat", schema.cat, wanted):
        return ()
    if isinstance(given, np.ndarray):
        given = given.tolist()
    values: Sequence[Any] = given if isinstance(given, list) else [given]
    if len(values) != count:
        raise InvalidData(place=("cat",), expected=f"{wanted}, {schema.cat.source}", got=str(len(values)))
    for index, value in enumerate(values):
        place = ("cat", index) if isinstance(given, list) else ("cat",)
        if type(value) is not int or value < 0:
            raise InvalidData(place=place, expected="an integer of at least 0", got=quotation.of_json(value))
        if schema.cardinality is not None and value >= schema.cardinality[index]:
            expected = f"an integer in [0, {schema.cardinality[index]}), its cardinality"
            raise InvalidData(place=place, expected=expected, got=str(value))
    return tuple(values)


def _dynamic_feat(given: Any, expected: FieldCount, length: int) -> Floats | None:
    """The rows of dynamic features, (count, length)."""
    reason = "as many as in target"
    count = expected.count or 0
    if not _is_read(given, "dynamic_feat", expected, rows_wanted(count, length, reason)):
        return None
    if isinstance(given, list) and len(given) != count:
        wanted = "1 list" if count == 1 else f"{count} lists"
        text = f"{wanted} of values, {expected.source}"
        raise InvalidData(place=("dynamic_feat",), expected=text, got=str(len(given)))
    return read_features(given, count, length, reason, ("dynamic_feat",))
