"""The index of a pandas object as times."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.data.forms import kind_of
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Key, Place


def parsed(index: Any, place: Place) -> Any:
    """An index of strings as a DatetimeIndex. Raises `InvalidData`."""
    import pandas

    try:
        return pandas.DatetimeIndex(index)
    except (TypeError, ValueError) as error:
        raise InvalidData(place=(*place, Key("ds")), expected=f"times ({error!s:.80})") from None


def times_of(index: Any, place: Place) -> NDArray[np.datetime64]:
    """The times of a pandas index, (n,), in seconds; of periods, their starts. Raises `InvalidData`."""
    place = (*place, "index")
    if getattr(index, "tz", None) is not None:
        raise InvalidData(
            place=place,
            expected="times without a time zone",
            got=str(index.tz),
            hint='convert them, as by data.tz_convert("UTC").tz_localize(None)',
        )
    if hasattr(index, "to_timestamp") and hasattr(index, "start_time"):
        index = index.to_timestamp(how="start")
    times = index.to_numpy()
    if times.dtype.kind != "M":
        raise InvalidData(place=place, expected="a DatetimeIndex or a PeriodIndex", got=kind_of(index))
    if np.isnat(times).any():
        raise InvalidData(place=(*place, int(np.isnat(times).argmax())), expected="a time", got="NaT")
    result: NDArray[np.datetime64] = times.astype("M8[s]")
    return result
