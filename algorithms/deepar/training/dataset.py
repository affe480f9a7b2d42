"""The series of a channel, and what a job's log tells about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.record import Expected, Form, count_of, read_record
from forecastle.algorithms.deepar.training.records import read_records
from forecastle.algorithms.deepar.wish import Wish
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, Stopped
from forecastle.contract.free_memory import available_memory

MEMORY_SHARE = 0.5  # of what is free, for a channel's series
TABLE_BYTES = 40  # of a value, besides the value: its time features, its age, and a copy while statistics are made
SERIES_BYTES = 1000  # of a series, besides its values: the objects it is made of


@dataclass(frozen=True, slots=True)
class Statistics:
    """A set of series in numbers, as SageMaker's log tells them; of values that are not missing."""

    series: int
    observations: int
    smallest: float
    mean: float
    largest: float
    mean_absolute: float
    integer: bool
    missing: bool

    def lines(self) -> list[str]:
        return [
            "Integer time series" if self.integer else "Real time series",
            f"number of time series: {self.series}",
            f"number of observations: {self.observations}",
            f"mean target length: {self.observations / self.series}",
            f"min/mean/max target: {self.smallest}/{self.mean}/{self.largest}",
            f"mean abs(target): {self.mean_absolute}",
            f"contains missing values: {'yes' if self.missing else 'no'}",
        ]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """A channel's series.

    Attributes
    ----------
    cardinality : of each category; () where none are read.
    num_dynamic_feat : 0 where none are read.
    file : contains the first record.
    first : the first record's place, `train/a.json, line 1`.
    """

    series: tuple[Series, ...]
    cardinality: tuple[int, ...]
    num_dynamic_feat: int
    file: Path
    first: str


def read_dataset(
    channel: Channel,
    wish: Wish,
    likelihood: Likelihood,
    stopping: Callable[[], bool] = lambda: False,
    free: int | None = None,
) -> Dataset:
    """Read and check a channel. `free` is the memory there is, in bytes.

    Raises `InvalidData` on a fault in the data, with its place, and where the series would fill more than half of the
    free memory; `Stopped` on SIGTERM.
    """
    budget = int(MEMORY_SHARE * (available_memory() if free is None else free))
    records = read_records(channel, budget)
    first = next(records, None)
    if first is None:
        raise InvalidData(f"Channel {channel.name}: expected time series, got none.")
    form = _form(*first, wish, likelihood)
    dynamic = form.dynamic_feat.count or 0
    series: list[Series] = []
    size = 0
    for place, record in chain([first], records):
        if stopping():
            raise Stopped(f"{place}: stopped by SIGTERM before all series were read; there is no model.")
        try:
            each = read_record(record, form)
        except InvalidData as error:
            raise error.within(place) from None
        series.append(each)
        size += SERIES_BYTES + len(each.target) * (TABLE_BYTES + 8 * dynamic)
        if size > budget:
            raise InvalidData(
                f"{place}: expected series that half of the free memory holds, {budget} bytes, got more: "
                "take a machine with more memory, or fewer series."
            )
    cardinality = form.cardinality
    if cardinality is None:
        cardinality = tuple(1 + max(categories) for categories in zip(*(each.cat for each in series)))
    return Dataset(tuple(series), cardinality, dynamic, _file(channel, first[0]), first[0])


def statistics(series: Sequence[Series]) -> Statistics:
    """The series in numbers; zeros where no value is observed."""
    values = np.concatenate([each.target for each in series])
    length = len(values)
    values = values[~np.isnan(values)]
    nothing = not len(values)
    return Statistics(
        series=len(series),
        observations=len(values),
        smallest=0.0 if nothing else float(values.min()),
        mean=0.0 if nothing else float(values.mean(dtype=np.float64)),
        largest=0.0 if nothing else float(values.max()),
        mean_absolute=0.0 if nothing else float(np.abs(values).mean(dtype=np.float64)),
        integer=bool((values >= 0).all() and (values == np.floor(values)).all()),  # counts, that is
        missing=len(values) < length,
    )


def _form(place: str, record: Any, wish: Wish, likelihood: Likelihood) -> Form:
    cardinality = wish.cardinality if isinstance(wish.cardinality, tuple) else None
    categories = len(wish.cardinality) if isinstance(wish.cardinality, tuple) else wish.cardinality

    def expected(field: str, number: str | int, hyperparameter: str) -> Expected:
        remedy = f': give "{field}" to all records or to none, or set {hyperparameter} to ignore'
        if number == "ignore":
            return Expected(None)
        if number == "auto":
            return Expected(count_of(record, field), f"as in {place}", remedy)
        if wish.source is None:
            return Expected(int(number), f"as hyperparameter {hyperparameter} says")
        return Expected(int(number), wish.source, remedy)

    cat, dynamic = (
        expected("cat", categories, "cardinality"),
        expected("dynamic_feat", wish.num_dynamic_feat, "num_dynamic_feat"),
    )
    return Form(cat, cardinality if cat.count else (), dynamic, likelihood.support)


def _file(channel: Channel, place: str) -> Path:
    if not channel.path.is_dir():
        return channel.path
    return channel.path / place.rsplit(", ", 1)[0].removeprefix(f"{channel.name}/")
