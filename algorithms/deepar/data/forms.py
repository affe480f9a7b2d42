"""Predicates for the forms of data: pandas' objects, pairs of a start and values, records.

pandas is never imported here: a caller who passes one of its objects has imported it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np


def is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns")


def is_series(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "index") and hasattr(value, "dtype")


def is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and is_start(value[0])


def is_start(value: Any) -> bool:
    return isinstance(value, str | date | np.datetime64) or hasattr(value, "start_time")


def is_one(data: Any, start: Any) -> bool:
    if is_series(data) or is_pair(data) or (isinstance(data, Mapping) and "target" in data):
        return True
    if start is None or is_frame(data) or isinstance(data, Mapping):
        return False
    return np.ndim(data[0]) == 0 if isinstance(data, Sequence) and len(data) else np.ndim(data) == 1


def kind_of(value: Any) -> str:
    """The type of a value, as an error reports it."""
    return f"an object of type {type(value).__name__}"
