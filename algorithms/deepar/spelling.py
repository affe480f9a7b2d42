"""What somebody meant who spelt a frequency or a time as pandas does: for the hint in an error.

Source: "Offset aliases" and "Period aliases", pandas' user guide. A spelling has a hint only where SageMaker's means
the same: `W-MON`, `B` and `s` have none, nor has `m`, which may be months or minutes.
"""

import re
from collections.abc import Mapping

# How many of which unit of `time_freq` each is.
_UNITS: Mapping[str, tuple[int, str]] = {
    **dict.fromkeys(("M", "ME", "MS"), (1, "M")),
    **dict.fromkeys(("Q", "QE", "QS"), (3, "M")),
    **dict.fromkeys(("A", "AS", "Y", "YE", "YS"), (12, "M")),
    **dict.fromkeys(("W", "W-SUN", "w"), (1, "W")),
    **dict.fromkeys(("D", "d"), (1, "D")),
    **dict.fromkeys(("H", "h"), (1, "H")),
    **dict.fromkeys(("min", "T", "t", "Min", "MIN"), (1, "min")),
}
_FREQUENCY = re.compile(r"(?:0*([1-9][0-9]{0,5}))?([A-Za-z-]+)")
_DATE = r"([0-9]{4})[-/]([0-9]{1,2})(?:[-/]([0-9]{1,2}))?"
_CLOCK = r"([0-9]{1,2})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?(?:\.[0-9]+)?"
_TIME = re.compile(rf"{_DATE}(?:[ T]+{_CLOCK})?")


def frequency_meant(text: str) -> str | None:
    """`time_freq` as SageMaker spells it, `15min` for `15T`; None where it has none that means the same."""
    match = _FREQUENCY.fullmatch("".join(text.split()))
    if match is None or match[2] not in _UNITS:
        return None
    number, unit = _UNITS[match[2]]
    multiple = number * int(match[1] or 1)
    return f"{multiple}{unit}" if multiple > 1 else unit


def time_meant(text: str) -> str | None:
    """`2024-01-01 00:00:00` for `2024-1-1 0:0`, year first; None where nobody knows which number is the month."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    date = f"{year}-{int(month):02}-{int(day or 1):02}"
    return f"{date} {int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}"
