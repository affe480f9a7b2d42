"""Series in the form of SageMaker's records, with the caller's names for them and their times."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.place import Place


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Item:
    """One series.

    Attributes
    ----------
    key : the caller's name for it.
    place : where it is in the caller's data, for errors: `data["MT_001"]`.
    base : the time of the first value.
    target : (length,), NaN where a value is missing.
    cat : its categories; None where none were given.
    dynamic_feat : its dynamic features, a row each; None where none were given.
    cut : whether the features may be longer than requested, because they are aligned by their times.
    index : pandas' index of the series, where it has one.
    month_ends : whether the times of the series are the last days of months.
    """

    key: Hashable
    place: Place
    base: np.datetime64
    target: NDArray[np.float64]
    cat: list[Any] | None = None
    dynamic_feat: list[NDArray[np.float64]] | None = None
    cut: bool = False
    index: Any = None
    month_ends: bool = False

    def record(self, ahead: int | None) -> dict[str, Any]:
        """The series in the form of SageMaker's records and requests.

        Features that may be cut end `ahead` steps after the series; None leaves them as long as they are.
        """
        steps = None if ahead is None else len(self.target) + ahead
        record: dict[str, Any] = {"start": self.base.item(), "target": self.target}
        if self.cat is not None:
            record["cat"] = self.cat
        if self.dynamic_feat is not None:
            record["dynamic_feat"] = [row[:steps] if self.cut else row for row in self.dynamic_feat]
        return record


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Collection:
    """Series, and the form in which they were given: one series, several, or a long DataFrame."""

    items: tuple[Item, ...]
    form: Literal["one", "several", "long"]
