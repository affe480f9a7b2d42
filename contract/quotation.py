"""Values quoted in errors: one scalar, truncated to 40 characters."""

import json
from dataclasses import dataclass

LONGEST = 40


def of_text(token: bytes) -> str:
    """Part of a body of text: `'abc'`."""
    return repr(_cut(token[: 4 * LONGEST].decode("utf-8", "backslashreplace")))


class Written(float):
    """A number that is quoted as it was spelled in the input."""

    __slots__ = ("token",)  # a body may contain many of them

    token: str

    @classmethod
    def parse(cls, token: str) -> "Written":
        written = cls(token)
        written.token = token
        return written


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """An object in which a member is repeated."""

    name: str


def of_json(value: object) -> str:
    """A JSON value: `"abc"`, `12`, `null`, but `a list` and `an object`."""
    if isinstance(value, Ambiguous):
        return f"one with {of_json(value.name)} twice"
    if isinstance(value, Written):
        return _cut(value.token)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return as_json(value)


def as_json(value: object) -> str:
    """A JSON value, lists and objects with their content."""
    if isinstance(value, str):
        value = value[:LONGEST]  # with its quotation marks this is longer than what is shown
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _cut(text.encode("utf-8", "backslashreplace").decode())  # a lone surrogate, "\\ud800", cannot be encoded


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
