"""SageMaker's spelling of a frequency, from pandas' spelling or from an index."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from forecastle.algorithms.deepar.data.forms import is_frame, is_series
from forecastle.algorithms.deepar.frequency import Frequency, frequency_meant
from forecastle.contract.errors import InvalidData


def spelling_of(freq: Any) -> str | None:
    """SageMaker's `time_freq` for a string or an offset of pandas, such as `2h`, `ME` or `W-SUN`; None without one."""
    text = getattr(freq, "freqstr", freq)  # pandas' offsets have their spelling as an attribute
    if not isinstance(text, str):
        return None
    with suppress(InvalidData):
        Frequency.parse(text)
        return text
    return frequency_meant(text)


def frequency_of(data: Any) -> Frequency | None:
    """The frequency of the first series in `data` with a pandas index; None without one, or if pandas infers none.

    The day on which a week, quarter or year ends is omitted: the times show it.
    """
    index = _first_index(data)
    if index is None:
        return None
    freq = getattr(index, "freqstr", None)
    if freq is None:
        import pandas

        with suppress(TypeError, ValueError):  # fewer than three times, or no times
            freq = pandas.DatetimeIndex(index, freq="infer").freqstr
    meant = spelling_of(freq) or spelling_of(str(freq).partition("-")[0])
    return None if meant is None else Frequency.parse(meant)


def _first_index(data: Any) -> Any:
    if is_frame(data) and {"unique_id", "ds"} <= set(data.columns):
        import pandas

        rows = data[data["unique_id"] == data["unique_id"].iloc[0]] if len(data) else data
        with suppress(TypeError, ValueError):
            return pandas.DatetimeIndex(rows["ds"]).sort_values()
        return None
    if is_frame(data) or is_series(data):
        return data.index
    values = data.values() if isinstance(data, Mapping) else data if isinstance(data, list | tuple) else ()
    return next((value.index for value in values if is_series(value)), None)
