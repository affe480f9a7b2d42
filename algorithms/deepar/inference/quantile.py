"""Mean and quantiles of each step's draws."""

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.lanes import LANES, SIZES, bits_of, floats_of, fma, load, maximum, minimum, spread, store
from forecastle.kernels.pointer import memory

_BINS = 512
_REACH = 4.0  # mean absolute deviations on both sides that the bins cover; the outermost contain all others
_SIZE = SIZES[2]
_LANES = 2 * LANES  # at a time: the number of a step's draws is a multiple
_INTEGERS = 2.0**23  # adding it to a number in [0, 2²³) leaves the nearest integer in the last bits


@kernel
def summarise(
    expected: Floats, draws: Floats, levels: NDArray[np.float64], first: int, stop: int, mean: Floats, quantiles: Floats
) -> None:
    """The mean and the quantiles of the steps [first, stop).

    Quantiles are interpolated linearly between two of the sorted draws (Hyndman and Fan's type 7, numpy's default).
    The draws are divided into bins, and only the bins that contain a quantile are sorted.

    Parameters
    ----------
    expected : (T, lanes), the means of the distributions that were drawn from.
    draws : (T, draws, lanes).
    levels : (Q,), in [0, 1].
    mean, quantiles : (T,) and (Q, T), written.
    """
    count = draws.shape[1] * draws.shape[2]
    bins, taken, ordered = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.float32)
    starts, wanted = np.empty(_BINS + 1, np.int32), np.empty(_BINS, np.int32)
    for step in range(first, stop):
        total = 0.0
        for lane in range(expected.shape[1]):
            total += expected[step, lane]
        mean[step] = total / expected.shape[1]
        if len(levels) > 0:
            values = draws[step].reshape(count)
            _cast(values, float(mean[step]), bins)
            _count(bins, starts)
            wanted[:] = 0
            for number in range(len(levels)):
                below = int(levels[number] * (count - 1))
                wanted[_bin_of(starts, below)] = wanted[_bin_of(starts, min(below + 1, count - 1))] = 1
            _take_out(values, bins, starts, wanted, taken, ordered)
            for number in range(len(levels)):
                quantiles[number, step] = _quantile(ordered, starts, levels[number])


@part
def _cast(values: Floats, centre: float, bins: NDArray[np.int32]) -> None:
    """Write the bin of each of `values`, (n,), to `bins`, (n,); a larger value never has a lower bin."""
    source, target = memory(values), memory(bins.view(np.float32))
    deviations = spread(np.float32(0), _SIZE)
    for at in range(0, len(values), _LANES):
        distance = load(source, at, _SIZE) - centre
        deviations = deviations + maximum(distance, 0.0 - distance)
    sums = np.empty(_LANES, np.float32)
    store(memory(sums), 0, deviations)
    reach = np.float32(_REACH) * sums.sum() / np.float32(len(values))
    if not reach < np.inf:  # of infinite draws, or of draws whose distance from `centre` is above float32's range
        bins[:] = 0
        return
    per_unit = np.float32(_BINS) / (np.float32(2.0) * reach)
    for at in range(0, len(values), _LANES):
        place = fma(load(source, at, _SIZE) - centre, per_unit, np.float32(_BINS / 2))
        place = minimum(maximum(place, 0.0), np.float32(_BINS - 1))
        store(target, at, floats_of(bits_of(place + _INTEGERS) ^ 0x4B000000))


@part
def _count(bins: NDArray[np.int32], starts: NDArray[np.int32]) -> None:
    """Write the number of `bins`, (n,), before each bin, and of all, to `starts`, (`_BINS` + 1,)."""
    starts[:] = 0
    bin_of, start = memory(bins), memory(starts)
    for index in range(len(bins)):
        start[bin_of[index] + 1] += 1
    for number in range(len(starts) - 1):
        start[number + 1] += start[number]


@part
def _take_out(
    values: Floats,
    bins: NDArray[np.int32],
    starts: NDArray[np.int32],
    wanted: NDArray[np.int32],
    taken: NDArray[np.int32],
    ordered: Floats,
) -> None:
    """Write the values of the `wanted` bins to their places in the order of the bins.

    values, bins : (n,). starts : (`_BINS` + 1,). wanted : (`_BINS`,), 1 for these bins, else 0; changed.
    taken : (n,), scratch memory. ordered : (n,), written.
    """
    source, bin_of, chosen, is_wanted = memory(values), memory(bins), memory(taken), memory(wanted)
    count = 0
    for index in range(len(bins)):  # without a branch, which the CPU could not predict
        chosen[count] = index
        count += is_wanted[bin_of[index]]
    for number in range(count):
        bin_ = bin_of[chosen[number]]
        ordered[starts[bin_] + wanted[bin_] - 1] = source[chosen[number]]
        wanted[bin_] += 1


@part
def _quantile(ordered: Floats, starts: NDArray[np.int32], level: float) -> float:
    """The quantile of the values in `ordered`, (n,), whose bins begin at `starts`, (`_BINS` + 1,)."""
    rank = level * (len(ordered) - 1)
    below = int(rank)
    lower = _at_rank(ordered, starts, below)
    if below == rank:
        return lower
    return lower + (rank - below) * (_at_rank(ordered, starts, below + 1) - lower)


@part
def _at_rank(ordered: Floats, starts: NDArray[np.int32], rank: int) -> float:
    """The value of `ordered`, (n,), with a rank, counted from 0; sorts its bin, by `starts`, (`_BINS` + 1,)."""
    bin_ = _bin_of(starts, rank)
    _sort(ordered, starts[bin_], starts[bin_ + 1])
    return float(np.float64(ordered[rank]))  # so that differences of values are not rounded to float32


@part
def _bin_of(starts: NDArray[np.int32], rank: int) -> int:
    """The bin of the value with a rank, by `starts`, (`_BINS` + 1,)."""
    low, high = 0, _BINS  # its number is in [low, high)
    while high - low > 1:
        middle = (low + high) // 2
        if starts[middle] <= rank:
            low = middle
        else:
            high = middle
    return low


@part
def _sort(values: Floats, first: int, stop: int) -> None:
    """Sort values[first:stop], `values` : (n,), by Shell's sort: bins are small, and many are already sorted."""
    gap = 1
    while gap < (stop - first) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for index in range(first + gap, stop):
            value, place = values[index], index
            while place >= first + gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value
        gap //= 3
