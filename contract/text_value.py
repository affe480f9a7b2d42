"""Values from text: whole numbers in any notation, lists in that of JSON or Python."""

import json
import re
import types
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST = 400  # characters of a number: no valid hyperparameter is longer
_PYTHON_STRING = re.compile(r"'([^'\"\\]*)'")
_NOTHING = ("", "null", "None")


def read(value: object, kind: Any) -> object:
    """`value` converted to `kind`, the annotation of a field: numbers, lists and their unions; others are unchanged.

    Whole numbers may be written as `10`, `10.0` or `1e1`, and lists as `[0.1]`, `["0.1"]` or `['0.1']`. In an optional
    field an empty text, `null` and `None` are None. pydantic checks the rest. Raises `ValueError` if `value` is not of
    that kind.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return read(value, arguments[0])
    if origin in (Union, types.UnionType):
        return _one_of(value, arguments)
    if origin is list:
        return [read(item, arguments[0]) for item in _items(value)]
    if kind is int:
        return whole(value)
    if kind is float:
        return _real(value)
    return value


def _one_of(value: object, kinds: Sequence[Any]) -> object:
    if str in kinds:
        return value
    text = value.strip() if isinstance(value, str) else None
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    if text in words:
        return text
    if types.NoneType in kinds and (value is None or text in _NOTHING):
        return None
    for kind in kinds:
        if get_origin(kind) is not Literal and kind is not types.NoneType:
            with suppress(ValueError):
                return read(value, kind)
    raise ValueError


def _items(value: object) -> Sequence[object]:
    if isinstance(value, str):
        text = _PYTHON_STRING.sub(r'"\1"', value.strip())
        if text.startswith("(") and text.endswith(")"):
            text = f"[{text[1:-1].rstrip().removesuffix(',')}]"
        try:
            value = json.loads(text)
        except RecursionError:
            raise ValueError from None
    if isinstance(value, list | tuple):
        return value
    raise ValueError


def whole(value: object) -> int:
    """`value`, a whole number or its text, as an integer. Raises `ValueError` if it is neither."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= _LONGEST and _DECIMAL.fullmatch(text):
            number = Decimal(text)
            if number == number.to_integral_value():
                return int(number)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    raise ValueError


def _real(value: object) -> object:
    """Refuse what pydantic would accept: `3_0` for 30, and true for 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and "_" in value):
        raise ValueError
    return value
