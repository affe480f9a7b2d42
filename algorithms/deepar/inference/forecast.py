"""Forecasts: sample paths of a series' future, and the mean and quantiles of each of its steps.

Mean and quantiles are those of several draws from each step's conditional distribution along every path, and so more
accurate than those of the samples, which are the paths.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.inference.draw import Randomness, Sampled, draws_of
from forecastle.algorithms.deepar.inference.encoder import Encoded, encode
from forecastle.algorithms.deepar.inference.lattice import groups_of
from forecastle.algorithms.deepar.inference.packing import pack
from forecastle.algorithms.deepar.inference.paths import run_paths, scratch_size
from forecastle.algorithms.deepar.inference.quantile import summarise
from forecastle.algorithms.deepar.inference.weights import Weights, padded
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.scale import MINIMUM_SCALE, mean_magnitude
from forecastle.algorithms.deepar.series import Series
from forecastle.kernels.lanes import LANES, aligned
from forecastle.kernels.threads import available_cores, in_parallel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecast:
    """The forecast of a series: T steps after its target's end, in its own unit."""

    mean: Floats  # (T,)
    quantiles: Floats  # (levels, T), in the order of the request
    samples: Floats | None  # (num_samples, T); None if they are not requested


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

    `positions` are the series' positions in their own requests, by default those in `series`. A series' random numbers
    depend only on that and on `seed` (its last 64 bits): its forecast depends neither on other series nor on threads.
    """
    threads = available_cores() if threads is None else threads
    common = _Common(
        network=network,
        weights=pack(network),
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
            forecasts[index] = _forecast_one(common, series[index], places[index], inner)

    if len(series) < 2 * threads:  # too few to distribute evenly over threads: the paths of each are distributed
        inner = threads
        each(0, len(series))
    else:
        inner = 1
        in_parallel(each, len(series), block=1, threads=threads)
    return [result for result in forecasts if result is not None]


def bytes_for(network: Network, num_samples: int, want_samples: bool) -> int:
    """An estimate of the bytes that forecasting one series takes, in each thread."""
    per_step = draws_of(network.likelihood) + 1 + 2 * want_samples
    return 4 * per_step * _lanes(network, num_samples) * network.prediction_length


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Common:
    """What the series of one call share."""

    network: Network
    weights: Weights
    lanes: int  # paths that are run, a multiple of a vector's lanes
    num_samples: int
    levels: NDArray[np.float64]
    key: np.uint64
    want_samples: bool


def _lanes(network: Network, num_samples: int) -> int:
    """The number of paths to run: at least two vectors, which a core runs as fast as one; two for a point forecast."""
    count = 1 if network.likelihood.point else num_samples
    return max(2, -(-count // LANES)) * LANES


def _forecast_one(common: _Common, series: Series, position: int, threads: int) -> Forecast:
    network, steps = common.network, common.network.prediction_length
    scale = _scale(network, series)
    encoded = _encode(common, series, scale)
    out = Sampled(
        paths=aligned(steps if common.want_samples else 0, common.lanes),
        expected=aligned(steps, common.lanes),
        draws=aligned(steps, draws_of(network.likelihood), common.lanes),
    )
    random = Randomness(common.key, position)
    groups = groups_of(common.lanes // LANES)

    def run(start: int, stop: int) -> None:
        for group in groups[start:stop]:
            scratch = aligned(scratch_size(common.weights, steps, group.vectors))
            run_paths(common.weights, encoded, scale, random, group, scratch, out)

    in_parallel(run, len(groups), block=1 if threads > 1 else len(groups), threads=threads)
    mean, quantiles = np.empty(steps, np.float32), np.empty((len(common.levels), steps), np.float32)

    def sum_up(start: int, stop: int) -> None:
        summarise(out.expected, out.draws, common.levels, start, stop, mean, quantiles)

    in_parallel(sum_up, steps, block=-(-steps // threads), threads=threads)
    return Forecast(mean, quantiles, _samples(common, out.paths) if common.want_samples else None)


def _samples(common: _Common, paths: Floats) -> Floats:
    if common.network.likelihood.point:
        return np.repeat(paths[:, :1].T, common.num_samples, axis=0)
    return np.ascontiguousarray(paths[:, : common.num_samples].T)


def _scale(network: Network, series: Series) -> float:
    if not network.likelihood.scaled:
        return 1.0
    scale = mean_magnitude(np.require(series.target, np.float32, ["C", "W"]), network.context_length)
    return max(scale if scale > 0 else network.default_scale, MINIMUM_SCALE)


def _encode(common: _Common, series: Series, scale: float) -> Encoded:
    weights, network = common.weights, common.network
    encoded = Encoded(
        states=np.empty((weights.layers, 2, padded(weights.cells)), np.float32),
        output=np.empty(weights.cells, np.float32),
        initial_sums=np.empty((-(-network.prediction_length // 4) * 4, weights.start_input.shape[1]), np.float32),
    )
    # Kernels would be compiled again for read-only arrays, which have another type.
    target = np.require(series.target, np.float32, ["C", "W"])
    features = _features(network, series, scale)
    encode(weights, target, features, network.context_length, scale, network.likelihood.fill_value, encoded)
    return encoded


@functools.lru_cache(maxsize=16)
def _time_features(
    frequency: Frequency, names: tuple[str, ...], start: np.datetime64, first: int, count: int
) -> Floats:
    """The last results are cached: the series of a request, and often of many requests, have the same times."""
    return frequency.time_features(start, first, count, names)


def _features(network: Network, series: Series, scale: float) -> Floats:
    """All inputs but the lags, of the steps of context and forecast: (context + T, inputs)."""
    steps = network.context_length + network.prediction_length
    first = len(series.target) - network.context_length
    before = max(0, -first)  # steps of the context before the series' start
    first, count = first + before, steps - before
    frequency, dynamic = network.frequency, network.num_dynamic_feat
    dates = network.date_features
    age, width = len(dates), len(dates) + 1 + dynamic
    static = [embedding[category] for embedding, category in zip(network.embeddings, series.cat or (0,))]
    features = np.empty((steps, width + sum(map(len, static)) + 2), np.float32)
    features[:before, :width] = network.likelihood.fill_value
    features[before:, :age] = _time_features(frequency, dates, series.start, first, count).T
    features[before:, age] = np.log10(np.arange(first + 2, first + 2 + count, dtype=np.float32))
    if series.dynamic_feat is not None and dynamic:
        features[before:, age + 1 : width] = series.dynamic_feat[:, first : first + count].T
    features[:, width:] = np.concatenate([*static, np.array([0.0, np.log(scale)], np.float32)])
    return features
