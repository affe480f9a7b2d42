"""Repeated members of JSON objects, of which a fast parser silently takes the last."""

from collections.abc import Iterable
from typing import Any


def may_repeat(body: bytes, value: Any, names: Iterable[str], objects: int) -> bool:
    """Whether one of the members `names` may be repeated in an object of `body`, whose JSON value is `value`.

    objects : how many objects may have each of them. Where nothing is unusual, this takes a tenth of the parser's time.
    """
    if body.count(b'"') == _quotes(value):
        return False
    return b"\\u" in body or any(body.count(b'"%s"' % name.encode()) > objects for name in names)


def _quotes(value: Any) -> int:
    """The quotation marks of a value, at least; those of lists that begin with a number or a string are not counted."""
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(_quotes, value.values()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(map(_quotes, value))
    return 2 if isinstance(value, str) else 0
