"""Validation of requests by AWS's model, with AWS's messages.

Source: answers of SageMaker and CloudWatch Logs ("1 validation error detected: Value 'a_b' at 'trainingJobName' failed
to satisfy constraint: Member must satisfy regular expression pattern: …").
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

from forecastle.region.wire.refusal import invalid

SHOWN_CHARACTERS = 1000


def validate(shape: Any, value: Any) -> None:
    """Raise AWS's ValidationException if `value` violates a constraint of `shape`."""
    found = list(_faults(shape, value, "")) if shape is not None else []
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise invalid(count + "; ".join(found))


def _faults(shape: Any, value: Any, place: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_joined(place, name)}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _faults(member, value[name], _joined(place, name))
        return
    if kind == "list":
        for index, each in enumerate(value, start=1):
            yield from _faults(shape.member, each, f"{place}.{index}.member")
    elif kind == "map":
        for name, each in value.items():
            yield from _faults(shape.key, name, f"{place}.{name}.key")
            yield from _faults(shape.value, each, f"{place}.{name}.member")
    for constraint in _broken(shape, value):
        yield f"Value '{_shown(value)}' at '{place}' failed to satisfy constraint: {constraint}"


def _broken(shape: Any, value: Any) -> Iterator[str]:
    metadata, kind = shape.metadata, shape.type_name
    if kind in ("integer", "long", "float", "double"):
        measured, noun = value, "value"
    elif kind in ("string", "list", "map", "blob"):
        measured, noun = len(value), "length"
    else:
        return
    if "min" in metadata and measured < metadata["min"]:
        yield f"Member must have {noun} greater than or equal to {metadata['min']}"
    if "max" in metadata and measured > metadata["max"]:
        yield f"Member must have {noun} less than or equal to {metadata['max']}"
    if kind == "string":
        if "enum" in metadata and value not in metadata["enum"]:
            yield f"Member must satisfy enum value set: [{', '.join(metadata['enum'])}]"
        pattern = metadata.get("pattern")
        compiled = _compiled(pattern) if pattern else None
        if compiled is not None and not compiled.fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {pattern}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of the model, which is written for Java, in Python; None if Python does not support it."""
    java = {
        r"\p{L}": "a-zA-Z\u00aa-\u02af\u0370-\u1fff\u2c00-\ud7ff\uf900-\uffdc",
        r"\p{M}": "\u0300-\u036f",
        r"\p{Z}": r"\s",
        r"\p{N}": r"\d",
        r"\p{S}": r"$+<=>^`|~",
        r"\p{P}": r"!-/:-@\[-_{-}",
        r"\p{Alnum}": "a-zA-Z0-9",
        r"${1,": "{1,",
    }
    for written, read in java.items():
        pattern = pattern.replace(written, read)
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


def _joined(place: str, name: str) -> str:
    first = name[:1].lower() + name[1:]
    return f"{place}.{first}" if place else first


def _shown(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)[:SHOWN_CHARACTERS]
