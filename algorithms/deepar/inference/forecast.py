"""Forecasts: sample paths of a series' future, and the mean and quantiles of each of its steps.

Mean and quantiles are those of several draws from each step's conditional distribution along every path, and so finer
than what can be computed from the samples themselves, which are the paths.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.inference.draw import draws_of
from forecastle.algorithms.deepar.inference.encoder import encode, mean_magnitude
from forecastle.algorithms.deepar.inference.paths import run_paths, scratch_size
from forecastle.algorithms.deepar.inference.quantile import summarise
from forecastle.algorithms.deepar.inference.weights import Layout, layout_of, padded
from forecastle.algorithms.deepar.network import MINIMUM_SCALE, Floats, Network
from forecastle.algorithms.deepar.series import Series
from forecastle.kernels.lanes import LANES, SIZES, aligned
from forecastle.kernels.threads import available_cores, in_parallel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecast:
    """What a series is expected to be over the T steps behind its target's end, in its own unit."""

    mean: Floats  # (T,)
    quantiles: Floats  # (levels asked for, T), in the order they were asked for
    samples: Floats | None  # (num_samples, T); only where they were wanted


def forecast(
    network: Network,
    series: Sequence[Series],
    *,
    num_samples: int,
    quantiles: Sequence[float],
    seed: int,
    want_samples: bool = False,
    positions: Sequence[int] | None = None,
    threads: int | None = None,
) -> list[Forecast]:
    """Forecast each series with `num_samples` paths; `quantiles` are levels in [0, 1].

    `positions` says each series' place in its own request, by default that in `series`. Its random numbers hang on that
    and on `seed` (its last 64 bits), so neither what else is forecast with it nor the number of threads changes a byte.
    """
    threads = available_cores() if threads is None else threads
    job = _Job(
        network=network,
        layout=layout_of(network),
        lanes=_lanes(network, num_samples),
        num_samples=num_samples,
        levels=np.array(quantiles, np.float64),
        key=np.uint64(seed % 2**64),
        want_samples=want_samples,
    )
    places = range(len(series)) if positions is None else positions
    forecasts: list[Forecast | None] = [None] * len(series)

    def each(start: int, stop: int) -> None:
        for index in range(start, stop):
            forecasts[index] = _forecast_one(job, series[index], places[index], inner)

    if len(series) < 2 * threads:  # too few to share out evenly: the paths of each are
        inner = threads
        each(0, len(series))
    else:
        inner = 1
        in_parallel(each, len(series), block=1, threads=threads)
    return [result for result in forecasts if result is not None]


def bytes_for(network: Network, num_samples: int, want_samples: bool) -> int:
    """The memory that forecasting one series takes, roughly; it is held once for each thread."""
    per_step = draws_of(network.likelihood) + 1 + 2 * want_samples
    return 4 * per_step * _lanes(network, num_samples) * network.prediction_length


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Job:
    """What the series of one call have in common."""

    network: Network
    layout: Layout
    lanes: int  # paths that are run: enough to fill vectors
    num_samples: int
    levels: NDArray[np.float64]
    key: np.uint64
    want_samples: bool


def _lanes(network: Network, num_samples: int) -> int:
    """At least two vectors, which a core runs as fast as one. A point forecast needs no more."""
    count = 1 if network.likelihood == "deterministic-L1" else num_samples
    return max(2, -(-count // LANES)) * LANES


def _forecast_one(job: _Job, series: Series, position: int, threads: int) -> Forecast:
    network, steps = job.network, job.network.prediction_length
    scale = _scale(network, series)
    states, output, starts = _encode(job, series, scale)
    paths = aligned(steps if job.want_samples else 0, job.lanes)
    expected = aligned(steps, job.lanes)
    draws = aligned(steps, draws_of(network.likelihood), job.lanes)
    threes, twos = _blocks(job.lanes // LANES, threads)

    def run(start: int, stop: int) -> None:
        """Blocks [start, stop): first those of three vectors, then those of two."""
        for vectors, first, last in (
            (3, 3 * min(start, threes), 3 * min(stop, threes)),
            (2, 3 * threes + 2 * max(start - threes, 0), 3 * threes + 2 * max(stop - threes, 0)),
        ):
            if first < last:
                scratch = aligned(scratch_size(job.layout, steps, vectors * LANES))
                run_paths(
                    job.layout, states, output, starts, scale, job.key, position, first, last, SIZES[vectors],
                    scratch, paths, expected, draws,
                )  # fmt: skip

    in_parallel(run, threes + twos, block=1 if threads > 1 else threes + twos, threads=threads)
    mean, quantiles = np.empty(steps, np.float32), np.empty((len(job.levels), steps), np.float32)

    def sum_up(start: int, stop: int) -> None:
        summarise(expected, draws, job.levels, start, stop, mean, quantiles)

    in_parallel(sum_up, steps, block=-(-steps // threads), threads=threads)
    return Forecast(mean, quantiles, _samples(job, paths) if job.want_samples else None)


def _blocks(vectors: int, threads: int) -> tuple[int, int]:
    """How many blocks of three vectors, the faster ones, and how many of two, more evenly shared, make up so many."""
    threes = vectors % 2 if threads > 1 else (vectors - 2 * (-vectors % 3)) // 3
    return threes, (vectors - 3 * threes) // 2


def _samples(job: _Job, paths: Floats) -> Floats:
    if job.network.likelihood == "deterministic-L1":
        return np.repeat(paths[:, :1].T, job.num_samples, axis=0)
    return np.ascontiguousarray(paths[:, : job.num_samples].T)


def _scale(network: Network, series: Series) -> float:
    if network.likelihood == "beta":
        return 1.0
    scale = mean_magnitude(np.require(series.target, np.float32, ["C", "W"]), network.context_length)
    return max(scale if scale > 0 else network.default_scale, MINIMUM_SCALE)


def _encode(job: _Job, series: Series, scale: float) -> tuple[Floats, Floats, Floats]:
    layout, network = job.layout, job.network
    states = np.empty((layout.layers, 2, padded(layout.cells)), np.float32)
    output = np.empty(layout.cells, np.float32)
    starts = np.empty((-(-network.prediction_length // 4) * 4, layout.start_input.shape[1]), np.float32)
    # Arrays that cannot be written are another type to a compiler, and would be compiled for.
    target = np.require(series.target, np.float32, ["C", "W"])
    encode(
        layout, target, _features(network, series, scale), network.context_length, scale,
        network.value_in_support, states, output, starts,
    )  # fmt: skip
    return states, output, starts


@functools.lru_cache(maxsize=16)
def _time_features(
    frequency: Frequency, names: tuple[str, ...], start: np.datetime64, first: int, count: int
) -> Floats:
    """The last few are kept: the series of a request, and of many clients' requests, begin and end together."""
    return frequency.time_features(start, first, count, names)


def _features(network: Network, series: Series, scale: float) -> Floats:
    """All inputs but the lags, of the context's steps and then the forecast's: (context + T, …)."""
    steps = network.context_length + network.prediction_length
    first = len(series.target) - network.context_length
    before = max(0, -first)  # steps of the context before the series' start
    first, count = first + before, steps - before
    frequency, dynamic = network.frequency, network.num_dynamic_feat
    dates = network.date_features
    age, width = len(dates), len(dates) + 1 + dynamic
    static = [embedding[category] for embedding, category in zip(network.embeddings, series.cat or (0,))]
    features = np.empty((steps, width + sum(map(len, static)) + 2), np.float32)
    features[:before, :width] = network.value_in_support
    features[before:, :age] = _time_features(frequency, dates, series.start, first, count).T
    features[before:, age] = np.log10(np.arange(first + 2, first + 2 + count, dtype=np.float32))
    if series.dynamic_feat is not None and dynamic:
        features[before:, age + 1 : width] = series.dynamic_feat[:, first : first + count].T
    features[:, width:] = np.concatenate([*static, np.array([0.0, np.log(scale)], np.float32)])
    return features
