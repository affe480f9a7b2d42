"""JSON Schemas of the requests and responses of Random Cut Forest, for /openapi.json."""

from collections.abc import Mapping
from typing import Any

from forecastle.contract.media_type import JSON

_LARGEST = 3.4028234e38  # of float32

_NUMBERS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
    "description": "A row: as many numbers as the model has columns.",
}
_KEYS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "description": "Columns, ascending."}
_SPARSE = {
    "type": "object",
    "properties": {
        "keys": _KEYS,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 1},
        "values": {**_NUMBERS, "minItems": 0, "description": "The numbers in those columns; the others are 0."},
    },
    "required": ["keys", "shape", "values"],
}
_TENSOR = {"type": "object", "properties": {"values": _NUMBERS}, "required": ["values"]}


def _object(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


_INSTANCE = {
    "anyOf": [
        _object("features", _NUMBERS),
        _object("data", _object("features", {"anyOf": [_TENSOR, _SPARSE]})),
    ]
}

REQUESTS = {JSON: _object("instances", {"type": "array", "minItems": 1, "items": _INSTANCE})}

_SCORE = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "attribution": {
            "type": "object",
            "properties": {name: {"type": "array", "items": {"type": "number"}} for name in ("high", "low")},
            "required": ["high", "low"],
            "description": "With attribution=true: each column's share of the score.",
        },
    },
    "required": ["score"],
}

ANSWERS = {JSON: _object("scores", {"type": "array", "items": _SCORE})}
