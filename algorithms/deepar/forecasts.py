"""Forecasts as tables: DataFrames if pandas is installed, else arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.collection import Collection, Item
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.inference.forecast import Forecast
from forecastle.algorithms.deepar.timeline import shifted


def as_table(collection: Collection, forecasts: Sequence[Forecast], names: Sequence[str], frequency: Frequency) -> Any:
    """Mean and quantiles of each forecast step, one column each.

    One series gives a DataFrame indexed by time, several give one indexed by key and time, a long DataFrame gives a
    long one. Without pandas: a dict of arrays, (steps,) for one series and (series, steps) for several, with the times
    as "ds".
    """
    columns = {
        "mean": np.stack([one.mean for one in forecasts]).astype(np.float64),
        **{
            name: np.stack([one.quantiles[number] for one in forecasts]).astype(np.float64)
            for number, name in enumerate(names)
        },
    }
    steps = columns["mean"].shape[1]
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
    """The times as an index of the same kind as the series'."""
    if hasattr(item.index, "start_time"):
        return pandas.PeriodIndex(pandas.DatetimeIndex(times).to_period(item.index.freq), name=item.index.name)
    name, dtype = getattr(item.index, "name", None), getattr(item.index, "dtype", times.dtype)
    index = pandas.DatetimeIndex(times.astype(dtype), name=name)
    # With a frequency, as in pandas' own indexes; pandas needs three times to infer one.
    return pandas.DatetimeIndex(index, freq="infer", name=name) if len(index) > 2 else index
