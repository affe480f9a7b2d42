"""Values quoted in errors: one scalar, truncated to 40 characters."""

import json

LONGEST = 40


def of_text(token: bytes) -> str:
    """A piece of a text body: `'abc'`."""
    return repr(_cut(token[: 4 * LONGEST].decode("utf-8", "backslashreplace")))


class Written(float):
    """A number that is quoted as it was written."""

    __slots__ = ("token",)  # a body may contain many of them

    token: str

    @classmethod
    def parse(cls, token: str) -> "Written":
        written = cls(token)
        written.token = token
        return written


def of_json(value: object) -> str:
    """A JSON value: `"abc"`, `12`, `null`, but `a list` and `an object`."""
    if isinstance(value, Written):
        return _cut(value.token)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return as_json(value)


def as_json(value: object) -> str:
    """The same, with the content of a list or an object."""
    if isinstance(value, str):
        value = value[:LONGEST]  # in quotation marks that is more than is shown
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _cut(text.encode("utf-8", "backslashreplace").decode())  # "\\ud800" alone is no character


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
