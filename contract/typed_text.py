"""Typed values from strings: the base of hyperparameters and settings."""

import json
import types
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from forecastle.contract import quotation, text_value
from forecastle.contract.errors import InvalidJob


class TypedText(BaseModel):
    """A frozen record whose values come as strings, parsed and checked once.

    A field's alias, if it has one, is its name in the input. Every error is one sentence of the same form: what must be
    what, and what it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    noun: ClassVar[str] = "Value"

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> object:
        assert info.field_name is not None
        return text_value.read(value, cls.model_fields[info.field_name].annotation)

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Self:
        """Parse values by name. Raises `InvalidJob` with the first error."""
        try:
            return cls.model_validate({name: _unquoted(value) for name, value in given.items()})
        except ValidationError as error:
            raise InvalidJob(cls._sentence(error, given)) from None

    @classmethod
    def known(cls) -> dict[str, FieldInfo]:
        """The fields by their names in the input."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def _sentence(cls, error: ValidationError, given: Mapping[str, object]) -> str:
        first = error.errors()[0]
        if not first["loc"]:  # a validator over several fields: its message is complete
            return str(first["ctx"]["error"]) if "ctx" in first else first["msg"]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            return f"{cls.noun} {name} is unknown{nearest(name, cls.known())}"
        must = expectation(cls.known()[name])
        if first["type"] == "missing":
            return f"{cls.noun} {name} is required: it must be {must}."
        return f"{cls.noun} {name} must be {must}. Got {_shortened(given[name])}."


def expectation(field: FieldInfo) -> str:
    """What a field accepts, in words: "an integer in [50, 1000]"."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "must_be" in extra:
        return str(extra["must_be"])
    return _kind(field.annotation) + _bounds(field.metadata)


def _unquoted(value: object) -> object:
    """`"3"` as framework estimators send it, JSON in JSON, is the string 3."""
    if isinstance(value, str) and len(value) > 1 and value.strip()[:1] == value.strip()[-1:] == '"':
        with suppress(ValueError):
            return str(json.loads(value))  # a text in quotation marks is a JSON string, or not JSON
    return value


_SCALARS = {int: "an integer", float: "a number", bool: "true or false"}


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(argument) for argument in arguments if argument is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(str(argument) for argument in arguments)
    if origin in (list, tuple, set, frozenset):
        return "a list, each " + _kind(arguments[0])
    return _SCALARS.get(annotation, "text")


def _bounds(metadata: Iterable[object]) -> str:
    low, high = "(-∞", "∞)"
    for bound in metadata:
        if isinstance(bound, annotated_types.Ge):
            low = f"[{bound.ge}"
        elif isinstance(bound, annotated_types.Gt):
            low = f"({bound.gt}"
        elif isinstance(bound, annotated_types.Le):
            high = f"{bound.le}]"
        elif isinstance(bound, annotated_types.Lt):
            high = f"{bound.lt})"
    if high == "∞)":
        return "" if low == "(-∞" else (" of at least " if low[0] == "[" else " above ") + low[1:]
    return f" in {low}, {high}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the closest known name, else all of them."""
    names = list(known)
    near = closest(name, names)
    return f": did you mean {near}?" if near else f"; known are {', '.join(names)}."


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that an unknown one may be a misspelling of; None if there is none."""
    near = get_close_matches(name, list(known), n=1)
    return near[0] if near else None


def _shortened(value: object) -> str:
    """A text unchanged, anything else as the JSON that the user wrote."""
    if not isinstance(value, str):
        return quotation.as_json(value)
    text = repr(value)
    return text if len(text) <= 42 else text[:40] + "…" + text[-1]
