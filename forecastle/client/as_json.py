"""What a client sends, as JSON."""

import json
from typing import Any

import numpy as np


def as_json(value: Any) -> bytes:
    """JSON of a value, which may contain NumPy's numbers. Raises `ValueError` for any other object."""
    return json.dumps(value, default=_number).encode()


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(f"Expected a number, got an object of type {type(value).__name__}.")
