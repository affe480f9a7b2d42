"""The memory that requests take while they are read, predicted and answered."""

from bisect import bisect_right
from dataclasses import replace
from itertools import islice

from forecastle.algorithms.deepar.inference.configuration import Configuration
from forecastle.algorithms.deepar.inference.forecast import bytes_for
from forecastle.algorithms.deepar.network import Network
from forecastle.contract.errors import PayloadTooLarge
from forecastle.contract.free_memory import available_memory

UNASKED_BYTES = 64 * 2**20  # allowed without a look at the free memory
SHARE = 0.5  # of the free memory, for one request
BYTES_WRITTEN = 56  # of a number in an answer: as float32, as float64, and as text, twice while texts are put together
BYTES_READ = {b"{": 200, b"[": 64, b",": 48, b'"': 28}  # of Python objects for each delimiter of JSON, at most
COPIES_READ, COPIES_READ_AS_TEXT = 2, 5  # of the body while it is read; characters beyond ASCII may take four bytes
BYTES_READ_AT_MOST = 90  # for a byte of JSON: "{}," is an object and a place in a list
BYTES_OF_SERIES = 1_500  # of a series, even an empty one: its objects and those of its forecast


def footprint(series: int, network: Network, wanted: Configuration, threads: int) -> int:
    """The bytes that so many series take at most, with `threads` of them forecast at a time."""
    each = _numbers_written(wanted) * network.prediction_length * BYTES_WRITTEN + BYTES_OF_SERIES
    return series * each + _drawn(series, network, wanted, threads)


def fits(size: int, free: int | None = None) -> bool:
    return size <= UNASKED_BYTES or size <= SHARE * _available(free)


def require(series: int, network: Network, wanted: Configuration, threads: int) -> None:
    """Raise `PayloadTooLarge`, with the number to lower, if so many series take more memory than is free."""
    size = footprint(series, network, wanted, threads)
    if fits(size):
        return
    numbers = {"configuration.num_samples": wanted.num_samples}
    if _drawn(series, network, wanted, threads) < size / 2:
        numbers = {"instances": series}
        if "samples" in wanted.output_types:
            numbers["configuration.num_samples"] = wanted.num_samples
        if "quantiles" in wanted.output_types:
            numbers["configuration.quantiles"] = len(wanted.quantiles)
    place = max(numbers, key=numbers.__getitem__)
    limit = max(UNASKED_BYTES, SHARE * available_memory())

    def with_fewer(number: int) -> int:
        if place == "instances":
            return footprint(number, network, wanted, threads)
        if place == "configuration.num_samples":
            return footprint(series, network, replace(wanted, num_samples=number), threads)
        return footprint(series, network, replace(wanted, quantiles=dict(islice(levels, number))), threads)

    levels = list(wanted.quantiles.items())
    fewer = bisect_right(range(1, numbers[place]), limit, key=with_fewer)
    raise PayloadTooLarge(
        f"{place}: expected no more than {limit / 1e9:.2g} GB of memory can hold, got {numbers[place]}: "
        f"{series} series of {network.prediction_length} steps take {size / 1e9:.2g} GB with it: "
        + (f"ask for {rounded_down(fewer)} at most." if fewer else "ask for fewer.")
    )


def rounded_down(number: int) -> int:
    """To two digits: it is computed from estimates."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return number // unit * unit


def bytes_read(body: bytes) -> int:
    """The bytes of a JSON body and of the objects it is read into, roughly, before it is read."""
    copies = COPIES_READ if body.isascii() else COPIES_READ_AS_TEXT
    return copies * len(body) + sum(body.count(mark) * each for mark, each in BYTES_READ.items())


def require_readable(body: bytes, free: int | None = None) -> None:
    """Raise `PayloadTooLarge` if reading a JSON body takes more memory than is free, `free` bytes."""
    if fits(len(body) * BYTES_READ_AT_MOST, free):
        return
    size = bytes_read(body)
    if not fits(size, free):
        raise PayloadTooLarge(
            f"Body: expected no more values than {SHARE * _available(free) / 1e9:.2g} GB of memory can hold, got "
            f"{len(body)} bytes that take {size / 1e9:.2g} GB once they are read: ask for fewer series at a time."
        )


def _available(free: int | None) -> int:
    return available_memory() if free is None else free


def _numbers_written(wanted: Configuration) -> int:
    """The numbers of an answer for each step of a series."""
    each = {"mean": 1, "quantiles": len(wanted.quantiles), "samples": wanted.num_samples}
    return sum(each[name] for name in wanted.output_types)


def _drawn(series: int, network: Network, wanted: Configuration, threads: int) -> int:
    """The bytes of what is drawn while series are forecast."""
    return min(series, threads) * bytes_for(network, wanted.num_samples, "samples" in wanted.output_types)
