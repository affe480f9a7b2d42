"""The memory that requests take while they are predicted and encoded."""

from bisect import bisect_right
from dataclasses import replace
from itertools import islice

from forecastle.algorithms.deepar.inference.configuration import Configuration
from forecastle.algorithms.deepar.inference.forecast import bytes_for
from forecastle.algorithms.deepar.network import Network
from forecastle.contract.errors import PayloadTooLarge
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import Place
from forecastle.formats.json_size import SHARE, UNCHECKED_BYTES, fits

_INSTANCES: Place = ("instances",)
_SAMPLES: Place = ("configuration", "num_samples")
_QUANTILES: Place = ("configuration", "quantiles")

BYTES_WRITTEN = 56  # of a number in a response: as float32, as float64, and as text, twice while texts are joined
BYTES_OF_SERIES = 1_500  # of a series, even an empty one: its objects and those of its forecast


def footprint(series: int, network: Network, wanted: Configuration, threads: int) -> int:
    """The bytes that this number of series takes at most, with `threads` of them forecast at a time."""
    each = _numbers_written(wanted) * network.prediction_length * BYTES_WRITTEN + BYTES_OF_SERIES
    return series * each + _drawn(series, network, wanted, threads)


def require(series: int, network: Network, wanted: Configuration, threads: int) -> None:
    """Raise `PayloadTooLarge`, with the number to lower, if this number of series takes more memory than is free."""
    size = footprint(series, network, wanted, threads)
    if fits(size):
        return
    numbers = {_SAMPLES: wanted.num_samples}
    if _drawn(series, network, wanted, threads) < size / 2:
        numbers = {_INSTANCES: series}
        if "samples" in wanted.output_types:
            numbers[_SAMPLES] = wanted.num_samples
        if "quantiles" in wanted.output_types:
            numbers[_QUANTILES] = len(wanted.quantiles)
    place = max(numbers, key=numbers.__getitem__)
    limit = max(UNCHECKED_BYTES, SHARE * available_memory())

    def with_fewer(number: int) -> int:
        if place == _INSTANCES:
            return footprint(number, network, wanted, threads)
        if place == _SAMPLES:
            return footprint(series, network, replace(wanted, num_samples=number), threads)
        return footprint(series, network, replace(wanted, quantiles=dict(islice(levels, number))), threads)

    levels = list(wanted.quantiles.items())
    fewer = bisect_right(range(1, numbers[place]), limit, key=with_fewer)
    raise PayloadTooLarge(
        place=place,
        expected=f"a number that fits {limit / 1e9:.2g} GB of memory",
        got=f"{numbers[place]}: {series} series of {network.prediction_length} steps take {size / 1e9:.2g} GB with it",
        hint=f"ask for at most {rounded_down(fewer)}" if fewer else "ask for fewer",
    )


def rounded_down(number: int) -> int:
    """The number with two significant digits: it is computed from estimates."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return number // unit * unit


def _numbers_written(wanted: Configuration) -> int:
    """The numbers in a response for each step of a series."""
    each = {"mean": 1, "quantiles": len(wanted.quantiles), "samples": wanted.num_samples}
    return sum(each[name] for name in wanted.output_types)


def _drawn(series: int, network: Network, wanted: Configuration, threads: int) -> int:
    """The bytes of the draws while series are forecast."""
    return min(series, threads) * bytes_for(network, wanted.num_samples, "samples" in wanted.output_types)
