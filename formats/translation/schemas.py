"""JSON Schemas of requests and answers, for /openapi.json."""

from typing import Any

from forecastle.contract.media_type import JSON
from forecastle.formats.translation.configuration import LARGEST_PENALTY, WIDEST, WORDS

_FLAG = {"anyOf": [{"type": ["boolean", "null"]}, {"enum": [*WORDS]}]}
_WIDTH = {"type": ["integer", "null"], "minimum": 1, "maximum": WIDEST}

_CONFIGURATION = {
    "type": ["object", "null"],
    "properties": {
        "attention_matrix": _FLAG,
        "beam_size": _WIDTH,
        "length_penalty": {"type": ["number", "null"], "minimum": 0, "maximum": LARGEST_PENALTY},
        "n_best": {**_WIDTH, "description": "At most beam_size."},
        "scores": _FLAG,
    },
    "additionalProperties": False,
}

_INSTANCE = {
    "type": "object",
    "properties": {"data": {"type": "string", "minLength": 1}, "configuration": _CONFIGURATION},
    "required": ["data"],
    "additionalProperties": False,
}

REQUESTS = {
    JSON: {
        "type": "object",
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": _INSTANCE},
            "configuration": _CONFIGURATION,
        },
        "required": ["instances"],
        "additionalProperties": False,
    }
}

_TOKENS = {"type": "array", "items": {"type": "string"}, "description": "Subwords, of a model of text."}
_TRANSLATION: dict[str, Any] = {
    "target": {"type": "string"},
    "score": {"type": "number"},
    "matrix": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "number"}},
        "description": "A row for each target token, a column for each source token.",
    },
    "target_tokens": _TOKENS,
}
_PREDICTION = {
    "type": "object",
    "properties": {
        **_TRANSLATION,
        "source_tokens": _TOKENS,
        "n_best": {"type": "array", "items": {"type": "object", "properties": _TRANSLATION, "required": ["target"]}},
    },
    "required": ["target"],
}

ANSWERS = {
    JSON: {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": _PREDICTION}},
        "required": ["predictions"],
    }
}
