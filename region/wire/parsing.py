"""Requests of AWS's clients, parsed by the service's model: JSON, query and REST-JSON.

Sources: "AWS JSON 1.0 and 1.1", "AWS Query" and "AWS restJson1" protocols, smithy.io.
"""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from forecastle.region.wire.exchange import Request
from forecastle.region.wire.refusal import Refusal

NUMBERS = ("integer", "long", "float", "double")
SURROGATE = re.compile(rb"\\u[dD]")


def parse_json(operation: Any, request: Request) -> dict[str, Any]:
    """The parameters of a request whose body is one JSON object."""
    document = _document(request.body)
    return _from_json(operation.input_shape, document, "") if operation.input_shape else {}


def parse_query(operation: Any, request: Request) -> dict[str, Any]:
    """The parameters of a request whose body, or query string, is a form."""
    pairs = dict(request.pairs() + parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return _from_form(operation.input_shape, pairs, "") if operation.input_shape else {}


def parse_rest(operation: Any, request: Request) -> dict[str, Any]:
    """The parameters of a REST-JSON request: from its path, query string, headers and body."""
    shape = operation.input_shape
    if shape is None:
        return {}
    in_path = matched(operation, request) or {}
    in_query: dict[str, list[str]] = {}
    for name, value in request.pairs():
        in_query.setdefault(name, []).append(value)
    payload = shape.serialization.get("payload")
    inside = _document(request.body) if payload is None and _has_body(shape) else {}
    values: dict[str, Any] = {}
    for name, member in shape.members.items():
        where, key = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "uri":
            values[name] = _from_text(member, in_path[key]) if key in in_path else None
        elif where == "querystring":
            values[name] = _from_texts(member, in_query[key]) if key in in_query else None
        elif where == "header":
            values[name] = _from_text(member, request.headers[key.lower()]) if key.lower() in request.headers else None
        elif where == "headers":
            prefix = key.lower()
            values[name] = {k[len(prefix) :]: v for k, v in request.headers.items() if k.startswith(prefix)} or None
        elif name == payload:
            structured = member.type_name not in ("blob", "string")
            absent = not request.body and name not in shape.required_members
            content = _from_json(member, _document(request.body), name) if structured else request.body
            values[name] = None if absent else content
        elif where is None and inside.get(key) is not None:
            values[name] = _from_json(member, inside[key], key)
    return {name: value for name, value in values.items() if value is not None}


def matched(operation: Any, request: Request) -> dict[str, str] | None:
    """The path labels of a request; None if it is not for the operation."""
    method, template = operation.http["method"], operation.http["requestUri"].partition("?")[0]
    if method != request.method:
        return None
    found = _path(template).fullmatch(request.raw_path)
    return None if found is None else {_LABELS[k]: unquote(v) for k, v in found.groupdict().items()}


def specificity(operation: Any) -> tuple[int, int]:
    """Sort key for matching paths: more and fixed segments first."""
    segments = operation.http["requestUri"].partition("?")[0].strip("/").split("/")
    return (-len(segments), sum(segment.startswith("{") for segment in segments))


_PATHS: dict[str, re.Pattern[str]] = {}
_LABELS: dict[str, str] = {}  # label by the name of its group, which must be an identifier


def _path(template: str) -> re.Pattern[str]:
    if template not in _PATHS:
        parts = []
        for part in re.split(r"(\{[^}]+\})", template):
            if part.startswith("{"):
                greedy, label = part.endswith("+}"), part.strip("{}+")
                group = "label_" + re.sub(r"\W", "_", label)
                _LABELS[group] = label
                parts.append(f"(?P<{group}>{'.+' if greedy else '[^/]+'})")
            else:
                parts.append(re.escape(part))
        _PATHS[template] = re.compile("".join(parts).rstrip("/") + "/?")
    return _PATHS[template]


def _has_body(shape: Any) -> bool:
    return any("location" not in member.serialization for member in shape.members.values())


def _document(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body, parse_constant=_no_json)
        if SURROGATE.search(body):  # half of a pair can be escaped, but not written
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise Refusal("SerializationException", "The body is not JSON: it is nested too deeply.") from None
    except UnicodeEncodeError:
        raise Refusal("SerializationException", "The body is not JSON: a string in it is not Unicode.") from None
    except ValueError as error:
        raise Refusal("SerializationException", f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Refusal("SerializationException", f"The body must be a JSON object, got {_kind(document)}.")
    return document


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _from_json(shape: Any, value: Any, place: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        _require(isinstance(value, dict), value, "a structure", place)
        named = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        return {
            named[key][0]: _from_json(named[key][1], each, f"{place}.{key}".strip("."))
            for key, each in value.items()
            if each is not None and key in named
        }
    if kind == "list":
        _require(isinstance(value, list), value, "a list", place)
        return [_from_json(shape.member, each, f"{place}[{index}]") for index, each in enumerate(value)]
    if kind == "map":
        _require(isinstance(value, dict), value, "a map", place)
        return {key: _from_json(shape.value, each, f"{place}.{key}") for key, each in value.items()}
    if kind in ("integer", "long"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        whole = whole and not isinstance(value, bool)
        _require(whole, value, "an integer", place)
        return int(value)
    if kind in ("float", "double"):
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        _require(isinstance(value, int | float) and not isinstance(value, bool), value, "a number", place)
        return float(value)
    if kind == "boolean":
        _require(isinstance(value, bool), value, "a boolean", place)
    if kind == "string":
        _require(isinstance(value, str), value, "a string", place)
    if kind == "timestamp":
        return value if isinstance(value, int | float) else _time(str(value))
    if kind == "blob":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Refusal("SerializationException", f"{place}: expected base64.") from None
    return value


def _require(right: bool, value: Any, expected: str, place: str) -> None:
    if not right:
        raise Refusal("SerializationException", f"{place or 'The body'}: expected {expected}, got {_kind(value)}.")


def _kind(value: Any) -> str:
    names = {dict: "a structure", list: "a list", str: "a string", bool: "a boolean", int: "an integer"}
    return names.get(type(value), "null" if value is None else "a number")


def _from_form(shape: Any, pairs: dict[str, str], prefix: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        values = {}
        for name, member in shape.members.items():
            key = f"{prefix}{member.serialization.get('name', name)}"
            if key in pairs or any(each.startswith(f"{key}.") for each in pairs):
                values[name] = _from_form(member, pairs, key if member.type_name not in _NESTED else f"{key}.")
        return values
    if kind == "list":
        inner = prefix if shape.serialization.get("flattened") else _inner(shape.member, prefix)
        return [_item(shape.member, pairs, f"{inner}{n}") for n in _numbers(pairs, inner)]
    if kind == "map":
        inner = prefix if shape.serialization.get("flattened") else f"{prefix}entry."
        key, value = (
            part.serialization.get("name", name) for part, name in ((shape.key, "key"), (shape.value, "value"))
        )
        return {
            pairs[f"{inner}{n}.{key}"]: _item(shape.value, pairs, f"{inner}{n}.{value}") for n in _numbers(pairs, inner)
        }
    return _from_text(shape, pairs[prefix])


_NESTED = ("structure", "list", "map")


def _inner(member: Any, prefix: str) -> str:
    return f"{prefix}{member.serialization.get('name', 'member')}."


def _item(shape: Any, pairs: dict[str, str], key: str) -> Any:
    return _from_form(shape, pairs, f"{key}." if shape.type_name in _NESTED else key)


def _numbers(pairs: dict[str, str], prefix: str) -> list[int]:
    heads = {each[len(prefix) :].partition(".")[0] for each in pairs if each.startswith(prefix)}
    return sorted(int(head) for head in heads if head.isascii() and head.isdigit())


def _from_texts(shape: Any, texts: list[str]) -> Any:
    if shape.type_name == "list":
        return [_from_text(shape.member, text) for text in texts]
    return _from_text(shape, texts[-1])


def _from_text(shape: Any, text: str) -> Any:
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return _time(text)
    except ValueError:
        raise Refusal("SerializationException", f"expected {kind}, got '{text[:100]}'.") from None
    if kind == "boolean":
        return text.lower() == "true"
    if kind == "list":
        return [_from_text(shape.member, part.strip()) for part in text.split(",")]
    return text


def _time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 stamp, or of a number in text."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("SerializationException", f"expected a timestamp, got '{text[:100]}'.") from None
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
