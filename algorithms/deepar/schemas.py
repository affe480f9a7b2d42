"""JSON Schemas of DeepAR's requests and responses, for /openapi.json."""

from typing import Any

from forecastle.algorithms.deepar.inference.configuration import MAX_SAMPLES, OUTPUT_TYPES, SEEDS
from forecastle.contract.media_type import JSON

_VALUE = {"anyOf": [{"type": ["number", "null"]}, {"const": "NaN"}]}  # null and NaN: missing
_FORECAST: dict[str, Any] = {"type": "array", "items": {"type": ["number", "null"]}}  # one value per step

_INSTANCE = {
    "type": "object",
    "properties": {
        "start": {"type": "string", "examples": ["2024-01-01 00:00:00"]},
        "target": {"type": "array", "items": _VALUE},
        "cat": {"type": ["array", "integer", "null"], "description": "Required if the model has categories."},
        "dynamic_feat": {"type": ["array", "null"], "description": "Required if the model has dynamic features."},
    },
    "required": ["start", "target"],
}

_CONFIGURATION = {
    "type": ["object", "null"],
    "properties": {
        "num_samples": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_SAMPLES},
        "output_types": {"type": ["array", "null"], "minItems": 1, "items": {"enum": list(OUTPUT_TYPES)}},
        "quantiles": {
            "type": ["array", "null"],
            "items": {"type": ["string", "number"]},
            "description": "Levels above 0 and below 1, each once.",
        },
        "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": SEEDS - 1},
        "calibrated": {
            "type": ["boolean", "null"],
            "description": "Corrected quantiles, of a model that was trained with the hyperparameter calibrate.",
        },
    },
}

REQUESTS = {
    JSON: {
        "type": "object",
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": _INSTANCE},
            "configuration": _CONFIGURATION,
        },
        "required": ["instances"],
    }
}

_PREDICTION = {
    "type": "object",
    "properties": {
        "mean": _FORECAST,
        "quantiles": {"type": "object", "additionalProperties": _FORECAST},
        "samples": {"type": "array", "items": _FORECAST},
    },
}

ANSWERS = {
    JSON: {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": _PREDICTION}},
        "required": ["predictions"],
    }
}
