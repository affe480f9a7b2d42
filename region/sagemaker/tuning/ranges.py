"""The ranges of a tuning job's hyperparameters, and their scales.

Source: "Hyperparameter Scaling", AWS's developer guide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LINEAR, LOGARITHMIC, REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"
WIDE = 100.0  # Auto is logarithmic for positive ranges with at least this ratio of their ends


@dataclass(frozen=True, slots=True)
class Numbers:
    """Integers or real numbers between two bounds, inclusive."""

    name: str
    low: float
    high: float
    whole: bool
    scaling: str

    def at(self, share: float) -> str:
        """The number at a share in [0, 1] of the range, on its scale, as text."""
        if self.scaling == LOGARITHMIC:
            value = self.low * (self.high / self.low) ** share
        elif self.scaling == REVERSE:
            value = 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** share
        else:
            value = self.low + (self.high - self.low) * share
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.whole else repr(value)


@dataclass(frozen=True, slots=True)
class Choices:
    """One of several values."""

    name: str
    values: tuple[str, ...]

    def at(self, share: float) -> str:
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


Range = Numbers | Choices


def ranges(given: dict[str, Any]) -> list[Range]:
    """The ranges in ParameterRanges. Raises `ValueError` for an invalid one."""
    found: list[Range] = []
    for kind, whole in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False)):
        found += [_numbers(each, whole) for each in given.get(kind, [])]
    found += [Choices(each["Name"], tuple(each["Values"])) for each in given.get("CategoricalParameterRanges", [])]
    if not found:
        raise ValueError("ParameterRanges must have at least one range.")
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise ValueError("The names in ParameterRanges must differ from each other.")
    return found


def combinations(found: Sequence[Range]) -> int:
    """The number of combinations of categorical ranges. Raises `ValueError` for numeric ranges."""
    for each in found:
        if isinstance(each, Numbers):
            raise ValueError(f"Strategy Grid needs categorical ranges, but {each.name} is numeric.")
    return math.prod(len(each.values) for each in found if isinstance(each, Choices))


def _numbers(given: dict[str, str], whole: bool) -> Numbers:
    name, scaling = given["Name"], given.get("ScalingType", "Auto")
    try:
        low, high = (float(given[end]) for end in ("MinValue", "MaxValue"))
    except ValueError:
        raise ValueError(f"Range {name}: MinValue and MaxValue must be numbers.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"Range {name}: MinValue {low:g} must not be above MaxValue {high:g}.")
    if scaling == "Auto":
        scaling = LOGARITHMIC if low > 0 and high / low >= WIDE else LINEAR
    if scaling == LOGARITHMIC and low <= 0:
        raise ValueError(f"Range {name}: Logarithmic scaling needs a MinValue above 0, got {low:g}.")
    if scaling == REVERSE and (whole or not 0 <= low <= high < 1):
        raise ValueError(f"Range {name}: ReverseLogarithmic scaling is for real numbers in [0, 1).")
    return Numbers(name, low, high, whole, scaling)
