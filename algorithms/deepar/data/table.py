"""Forecasts as tables: DataFrames if pandas is installed, else arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.data.collection import Collection, Item
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.timeline import shifted


def as_table(collection: Collection, columns: Mapping[str, NDArray[np.float64]], frequency: Frequency) -> Any:
    """Forecasts on the times that follow each series, one column each; `columns` are (series, steps).

    One series gives a DataFrame indexed by time, several give one indexed by key and time, a long DataFrame gives a
    long one. Without pandas: a dict of arrays, (steps,) for one series and (series, steps) for several, with the times
    as "ds".
    """
    steps = next(iter(columns.values())).shape[1]
    try:
        import pandas
    except ImportError:
        times = np.stack([_future(item, steps, frequency) for item in collection.items])
        arrays = {"ds": times, **columns}
        return {name: values[0] for name, values in arrays.items()} if collection.form == "one" else arrays
    flat = {name: values.ravel() for name, values in columns.items()}
    indexes = [_index(item, _future(item, steps, frequency), pandas) for item in collection.items]
    if collection.form == "one":
        return pandas.DataFrame(flat, index=indexes[0])
    keys = [item.key for item in collection.items for _ in range(steps)]
    times = indexes[0].append(indexes[1:])
    if collection.form == "long":
        return pandas.DataFrame({"unique_id": keys, "ds": times, **flat})
    return pandas.DataFrame(flat, index=pandas.MultiIndex.from_arrays([keys, times], names=["unique_id", "ds"]))


def _future(item: Item, steps: int, frequency: Frequency) -> NDArray[np.datetime64]:
    return shifted(item.base, len(item.target), steps, frequency, month_ends=item.month_ends)


def _index(item: Item, times: NDArray[np.datetime64], pandas: Any) -> Any:
    """The times as an index of the same kind as the series', with its frequency."""
    if hasattr(item.index, "start_time"):
        return pandas.PeriodIndex(pandas.DatetimeIndex(times).to_period(item.index.freq), name=item.index.name)
    name, dtype = getattr(item.index, "name", None), getattr(item.index, "dtype", times.dtype)
    index = pandas.DatetimeIndex(times.astype(dtype), name=name)
    freq = getattr(item.index, "freq", None)
    if freq is None:  # pandas needs three times to infer one
        return pandas.DatetimeIndex(index, freq="infer", name=name) if len(index) > 2 else index
    try:
        return pandas.DatetimeIndex(index, freq=freq, name=name)
    except ValueError:  # times of another frequency than the model's
        return index
