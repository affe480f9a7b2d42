"""The start of a series: a time as a string, a date or a datetime."""

import re
from datetime import date, datetime
from typing import Any

import numpy as np

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place

EXAMPLE = '"2009-11-01 00:00:00"'


def read_start(value: Any, place: Place) -> np.datetime64:
    """The time of a string in ISO 8601, a date or a datetime, in seconds. Raises `InvalidData`."""
    try:
        time = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        time = None
    if isinstance(time, date) and not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day)
    if not isinstance(time, datetime):
        expected = f"a timestamp such as {EXAMPLE}"
        raise InvalidData(place=place, expected=expected, got=quotation.of_json(value), hint=_hint(value))
    if time.tzinfo is not None:
        expected = f"a timestamp without a time zone, such as {EXAMPLE}"
        raise InvalidData(place=place, expected=expected, got=quotation.of_json(str(value)))
    return np.datetime64(time, "s")


def _hint(value: Any) -> str:
    """A question with the timestamp that was probably meant; empty if that is unclear."""
    meant = _time_meant(value) if isinstance(value, str) else None
    try:
        datetime.fromisoformat(meant or "")
    except ValueError:
        return ""
    return f'did you mean "{meant}"?'


_DATE = r"([0-9]{4})[-/]([0-9]{1,2})(?:[-/]([0-9]{1,2}))?"
_CLOCK = r"([0-9]{1,2})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?(?:\.[0-9]+)?"
_TIME = re.compile(rf"{_DATE}(?:[ T]+{_CLOCK})?")


def _time_meant(text: str) -> str | None:
    """`2024-01-01 00:00:00` for `2024-1-1 0:0`, year first; None if it is unclear which number is the month."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    date = f"{year}-{int(month):02}-{int(day or 1):02}"
    return f"{date} {int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}"
