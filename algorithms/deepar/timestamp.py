"""A series' start: a time without a zone."""

from datetime import date, datetime
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.spelling import time_meant
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData

EXAMPLE = '"2009-11-01 00:00:00"'


def timestamp(value: Any, place: str) -> np.datetime64:
    """The time that a text in ISO 8601, a bare date or a datetime says, in seconds. Raises `InvalidData`."""
    try:
        time = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        time = None
    if isinstance(time, date) and not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day)
    if not isinstance(time, datetime):
        raise InvalidData(
            f"{place}: expected a timestamp such as {EXAMPLE}, got {quotation.of_json(value)}{_hint(value)}"
        )
    if time.tzinfo is not None:
        raise InvalidData(
            f"{place}: expected a timestamp without a time zone, such as {EXAMPLE}, "
            f"got {quotation.of_json(str(value))}."
        )
    return np.datetime64(time, "s")


def _hint(value: Any) -> str:
    meant = time_meant(value) if isinstance(value, str) else None
    try:
        datetime.fromisoformat(meant or "")
    except ValueError:
        return "."
    return f': did you mean "{meant}"?'
