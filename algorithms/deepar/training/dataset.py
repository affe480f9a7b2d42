"""The series of a channel, and their statistics for a job's log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.fields import OptionalFields, schema_of
from forecastle.algorithms.deepar.training.record import read_record
from forecastle.algorithms.deepar.training.records import read_records
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, Stopped
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import Place, Source, text_of

MEMORY_SHARE = 0.5  # of the free memory, for a channel's series
TABLE_BYTES = 40  # for each value: itself, its time features, its age, and a copy while statistics are computed
SERIES_BYTES = 1000  # for each series, besides its values: its objects


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of a set of series in SageMaker's log; of values that are not missing."""

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
    cardinality : of each category; () if none are read.
    num_dynamic_feat : 0 if none are read.
    file : contains the first record.
    first : the first record's place, as text: `train/a.json, line 1`.
    names : of the file of each series.
    """

    series: tuple[Series, ...]
    cardinality: tuple[int, ...]
    num_dynamic_feat: int
    file: Path
    first: str
    names: tuple[str, ...]


def read_dataset(
    channel: Channel,
    fields: OptionalFields,
    likelihood: Likelihood,
    stopping: Callable[[], bool] = lambda: False,
    free: int | None = None,
) -> Dataset:
    """Read and check a channel. `free` is the free memory, in bytes; by default it is measured.

    Raises `InvalidData`, with its place, for an error in the data, if there is none, and if the series would fill more
    than half of the free memory; `Stopped` on SIGTERM.
    """
    found = read_shard(channel, fields, likelihood, stopping, free)
    if found is None:
        raise InvalidData(place=(Source(f"Channel {channel.name}"),), expected="time series", got="none")
    return found


def read_shard(
    channel: Channel,
    fields: OptionalFields,
    likelihood: Likelihood,
    stopping: Callable[[], bool] = lambda: False,
    free: int | None = None,
) -> Dataset | None:
    """As `read_dataset`; None if there is no series."""
    budget = int(MEMORY_SHARE * (available_memory() if free is None else free))
    records = read_records(channel, budget)
    first = next(records, None)
    if first is None:
        return None
    start, record = first
    schema = schema_of(text_of(start), record, fields, likelihood.support)
    dynamic = schema.dynamic_feat.count or 0
    series: list[Series] = []
    names: list[str] = []
    size = 0
    for place, record in chain([first], records):
        if stopping():
            raise Stopped("stopped by SIGTERM before all series were read; there is no model.", place=place)
        try:
            each = read_record(record, schema)
        except InvalidData as error:
            raise error.within(place) from None
        series.append(each)
        names.append(_name(place))
        size += SERIES_BYTES + len(each.target) * (TABLE_BYTES + 8 * dynamic)
        if size > budget:
            raise InvalidData(
                place=place,
                expected=f"series that fit half of the free memory, {budget} bytes",
                got="more",
                hint="use a machine with more memory, or fewer series",
            )
    cardinality = schema.cardinality
    if cardinality is None:
        cardinality = tuple(1 + max(categories) for categories in zip(*(each.cat for each in series)))
    return Dataset(tuple(series), cardinality, dynamic, _file(channel, start), text_of(start), tuple(names))


def statistics(series: Sequence[Series]) -> Statistics:
    """The statistics of the series; zeros if no value is observed."""
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
        integer=bool((values >= 0).all() and (values == np.floor(values)).all()),  # that is, counts
        missing=len(values) < length,
    )


def _file(channel: Channel, place: Place) -> Path:
    """The path of a record's file."""
    if not channel.path.is_dir():
        return channel.path
    return channel.path / _name(place).removeprefix(f"{channel.name}/")


def _name(place: Place) -> str:
    """The name of a record's file."""
    source = place[0]
    assert isinstance(source, Source)
    return source.name
