"""Any JSON document with instances, parsed without a kernel: ignores unknown members, finds errors and their places."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Place
from forecastle.formats import number
from forecastle.formats.block import Block
from forecastle.formats.members import require_known
from forecastle.formats.sparse import densify


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The instances as rows. Raises as `forecastle.formats.json.decode` does."""
    text = decode_text(body)
    try:
        document = parse(text, quotable=True)
    except InvalidData:
        if _begins_with_an_instance(text):
            return decode_lines(body, width=width, max_bytes=max_bytes)
        raise
    if _is_instance(document):
        rows = Rows(width)
        rows.append(document, ("instance",))
        return rows.dense(max_bytes)
    document = _object(document, ())
    require_known(document, ("instances",))  # first, as a misspelled "instances" is also missing
    instances = _member(document, "instances", ())
    if not isinstance(instances, list):
        raise InvalidData(place=("instances",), expected="a list", got=quotation.of_json(instances))
    if not instances:
        raise InvalidData(place=("instances",), expected="at least one instance", got="none")
    rows = Rows(width)
    for index, instance in enumerate(instances):
        rows.append(instance, ("instances", index))
    return rows.dense(max_bytes)


def decode_lines(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The instances as rows, one per line. Raises as `forecastle.formats.json_lines.decode` does."""
    rows, empty = Rows(width), True
    for number_of_line, line in enumerate(decode_text(body).split("\n"), 1):
        if line.strip():
            rows.append(parse(line, number_of_line, quotable=True), (At("line", number_of_line), "instance"))
            empty = False
    if empty:
        raise InvalidData(place=(At("line", 1),), expected="an instance", got="nothing")
    return rows.dense(max_bytes)


def _is_instance(document: Any) -> bool:
    """Whether a document is a bare instance."""
    return isinstance(document, dict) and bool({"features", "data"} & document.keys()) and "instances" not in document


def _begins_with_an_instance(text: str) -> bool:
    """Whether the first line is a complete instance."""
    try:
        return _is_instance(parse(text.lstrip().partition("\n")[0]))
    except InvalidData:
        return False


def decode_text(body: bytes) -> str:
    """The text without a byte order mark. Raises `InvalidData` with the byte offset if it is not UTF-8."""
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = (At("byte", error.start),)
        raise InvalidData(place=place, expected="text in UTF-8", got="another encoding") from None


def parse(text: str, first_line: int = 1, *, quotable: bool = False) -> Any:
    """The JSON value of `text`. Raises `InvalidData` with line and column; its first line has number `first_line`.

    Other than with `json.loads`, an object with a repeated member is a `quotation.Ambiguous`; with `quotable`, a number
    outside the range of float32 is a `quotation.Written`.
    """
    real = _real if quotable else float
    text = text.rstrip("\r\n")  # so that what is missing at the end is missing in the last line
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_int=lambda token: int(token) if len(token) < 20 else real(token),
            parse_float=real,
        )
    except json.JSONDecodeError as error:
        place = (At("line", first_line + error.lineno - 1), At("column", error.colno))
        got = quotation.of_text(text[error.pos].encode()) if error.pos < len(text) else "nothing"
        detail = error.msg[0].lower() + error.msg[1:]
        raise InvalidData(place=place, expected="valid JSON", got=f"{got} ({detail})") from None
    except RecursionError:
        begin = (At("line", first_line),)
        raise InvalidData(place=begin, expected="JSON of a few levels", got="hundreds of them") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | quotation.Ambiguous:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            return quotation.Ambiguous(name)
        members[name] = value
    return members


def _real(token: str) -> float:
    value = float(token)
    return value if abs(value) < number.FLOAT32_OVERFLOW else quotation.Written.parse(token)


class Rows:
    """Rows, collected from one instance after another."""

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._values: list[float] = []
        self._keys: list[int] = []
        self._ends: list[int] = []

    def append(self, instance: Any, place: Place) -> None:
        """Add the instance at `place`, dense or sparse. Raises `InvalidData`."""
        instance = _object(instance, place)
        keys: Sequence[int]
        if "features" in instance:
            place = (*place, "features")
            keys, values, columns = _dense(instance["features"], place)
        elif "data" in instance:
            place = (*place, "data")
            features = _member(_object(instance["data"], place), "features", place)
            place = (*place, "features")
            keys, values, columns = _tensor(_object(features, place), place)
        else:
            raise InvalidData(place=place, expected='"features" or "data"', got="neither")
        self._width = self._width or columns
        if columns != self._width:
            expected = f"{self._width} column{'s' if self._width > 1 else ''}"
            raise InvalidData(place=place, expected=expected, got=str(columns))
        self._values += values
        self._keys += keys
        self._ends.append(len(self._values))

    def dense(self, max_bytes: int) -> Block:
        """All rows, as dense ones."""
        values, keys = np.array(self._values, np.float64), np.array(self._keys, np.int64)
        ends = np.array(self._ends, np.int64)
        rounded = values.astype(np.float32)
        exact = np.ones(len(ends), np.bool_)
        exact[np.searchsorted(ends, np.flatnonzero(rounded != values), side="right")] = False
        return Block(densify(rounded, keys, ends, self._width or 0, max_bytes=max_bytes), None, exact)


def _dense(features: Any, place: Place) -> tuple[Sequence[int], list[float], int]:
    values = _numbers(features, place)
    if not values:
        raise InvalidData(place=place, expected="at least one number", got="none")
    return range(len(values)), values, len(values)


def _tensor(tensor: dict[str, Any], place: Place) -> tuple[Sequence[int], list[float], int]:
    values = _member(tensor, "values", place)
    if "keys" not in tensor and "shape" not in tensor:
        return _dense(values, (*place, "values"))
    values = _numbers(values, (*place, "values"))
    keys = _whole_numbers(_member(tensor, "keys", place), (*place, "keys"))
    shape = _whole_numbers(_member(tensor, "shape", place), (*place, "shape"))
    if len(shape) != 1 or not 1 <= shape[0] < 2**31:
        got = shape[0] if len(shape) == 1 else f"{len(shape)} numbers"
        raise InvalidData(place=(*place, "shape"), expected="one number, the number of columns", got=str(got))
    if len(keys) != len(values):
        got = f"{len(keys)} and {len(values)}"
        raise InvalidData(place=place, expected="as many keys as values", got=got)
    before = -1
    for index, key in enumerate(keys):
        if not before < key < shape[0]:
            raise InvalidData(
                place=(*place, "keys", index),
                expected=f"keys that ascend from 0 to {shape[0] - 1}, each once",
                got=quotation.of_json(key) + (f" after {before}" if index else ""),
            )
        before = key
    return keys, values, shape[0]


def _object(value: Any, place: Place) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise InvalidData(place=place, expected="an object", got=quotation.of_json(value))


def _member(members: dict[str, Any], name: str, place: Place) -> Any:
    if name not in members:
        raise InvalidData(place=place, expected=f'"{name}", which is missing')
    return members[name]


def _numbers(values: Any, place: Place) -> list[float]:
    if not isinstance(values, list):
        raise InvalidData(place=place, expected="a list of numbers", got=quotation.of_json(values))
    for index, value in enumerate(values):
        if type(value) not in (int, float, quotation.Written):
            raise InvalidData(place=(*place, index), expected="a number", got=quotation.of_json(value))
        if not abs(value) < number.FLOAT32_OVERFLOW:
            raise InvalidData(
                place=(*place, index), expected="a number in the range of float32", got=quotation.of_json(value)
            )
    return values


def _whole_numbers(values: Any, place: Place) -> list[int]:
    if not isinstance(values, list):
        raise InvalidData(place=place, expected="a list of whole numbers", got=quotation.of_json(values))
    for index, value in enumerate(values):
        if type(value) is not int:
            raise InvalidData(place=(*place, index), expected="a whole number", got=quotation.of_json(value))
    return values
