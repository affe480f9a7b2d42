"""The forecaster, beside the network's definition in float64."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecastle.algorithms.deepar.inference.forecast import Forecast, forecast
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from tests.algorithms.deepar.networks import random_network
from tests.algorithms.deepar.reference import conditional_distributions, distribution

RANDOM = [name for name, likelihood in LIKELIHOODS.items() if not likelihood.point]
START = np.datetime64("2012-02-27T22:00:00", "s")
LEVELS = [0.02, 0.1, 0.5, 0.9, 0.98]


def series_for(
    network: Network, length: int = 40, *, missing: float = 0.0, level: float = 20.0, seed: int = 7
) -> Series:
    generator = np.random.default_rng(seed)
    if network.likelihood.name == "beta":
        target = generator.uniform(0.05, 0.95, length)
    else:
        target = generator.poisson(level * (1 + 0.5 * np.sin(np.arange(length) / 2)), length).astype(float)
    target[generator.random(length) < missing] = np.nan
    dynamic = None
    if network.num_dynamic_feat:
        future = network.prediction_length
        dynamic = generator.normal(size=(network.num_dynamic_feat, length + future)).astype(np.float32)
    cat = tuple(categories - 1 for categories in network.cardinality)
    return Series(START, target.astype(np.float32), cat, dynamic)


def forecasts(
    network: Network, *series: Series, seed: int = 5, num_samples: int = 96, threads: int = 1
) -> list[Forecast]:
    return forecast(
        network, series, num_samples=num_samples, quantiles=LEVELS, seed=seed, want_samples=True, threads=threads
    )


def holds_to_the_definition(network: Network, series: Series, num_samples: int = 1600) -> None:
    """Mean, quantiles and paths are those of the distributions that the definition gives along these paths."""
    (ours,) = forecasts(network, series, num_samples=num_samples)
    assert ours.samples is not None
    scale, parameters = conditional_distributions(network, series, ours.samples.astype(float))
    counts = network.likelihood.name == "negative-binomial"
    expected = distribution(network.likelihood.name, scale, parameters)

    np.testing.assert_allclose(ours.mean, expected.mean().mean(axis=0), atol=1e-4 * scale, rtol=1e-4)
    for level, quantile in zip(LEVELS, ours.quantiles):
        # Between two counts a distribution function jumps: a quantile's level lies somewhere in the jump.
        above = expected.cdf(np.ceil(quantile) if counts else quantile).mean(axis=0)
        below = above
        if counts:
            below = expected.cdf(np.floor(quantile) - 1).mean(axis=0)
        assert (above > level - 0.02).all()
        assert (below < level + 0.02).all()
    lowest = expected.cdf(ours.samples - 1) if counts else expected.cdf(ours.samples)
    spread = expected.cdf(ours.samples) - lowest
    chances = lowest + spread * np.random.default_rng(0).random(lowest.shape)
    assert stats.kstest(chances.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("likelihood", RANDOM)
def test_a_forecast_holds_to_the_networks_definition(likelihood: str) -> None:
    network = random_network(likelihood)

    holds_to_the_definition(network, series_for(network))


@pytest.mark.parametrize("likelihood", RANDOM)
def test_missing_values_are_filled_in_and_left_out_of_the_scale(likelihood: str) -> None:
    network = random_network(likelihood, seed=1)

    holds_to_the_definition(network, series_for(network, missing=0.3))


@pytest.mark.parametrize("likelihood", RANDOM)
@pytest.mark.parametrize("length", [0, 1, 4, 10, 12])
def test_series_may_be_shorter_than_the_context_and_the_lags(likelihood: str, length: int) -> None:
    network = random_network(likelihood, default_scale=12.0, num_dynamic_feat=1, seed=2)

    holds_to_the_definition(network, series_for(network, length))


@pytest.mark.parametrize(
    "sizes",
    [
        {"layers": 1},
        {"layers": 3, "cells": 5},
        {"cells": 1},
        {"cells": 30},
        {"lags": (1,)},
        {"lags": (2, 7, 9, 30)},
        {"context_length": 1, "prediction_length": 1},
        {"context_length": 3, "prediction_length": 21, "lags": (1, 4, 18, 20)},
        {"cardinality": (3, 5), "num_dynamic_feat": 2},
        {"time_freq": "W"},
        {"time_freq": "15min", "cardinality": (4,)},
        {"time_freq": "M", "num_dynamic_feat": 3},
    ],
)
def test_networks_of_every_shape(sizes: dict[str, object]) -> None:
    network = random_network(**sizes)  # type: ignore[arg-type]

    holds_to_the_definition(network, series_for(network, length=25))


def test_a_series_of_zeros_takes_the_default_scale() -> None:
    network = random_network(default_scale=3.0)
    series = Series(START, np.zeros(20, np.float32))

    holds_to_the_definition(network, series)


def test_every_quantile_and_sample_of_a_point_forecast_is_its_mean() -> None:
    network = random_network("deterministic-L1")
    series = series_for(network)

    (ours,) = forecasts(network, series, num_samples=20)

    scale, parameters = conditional_distributions(network, series, ours.mean[None].astype(float))
    np.testing.assert_allclose(ours.mean, parameters[0, 0] * scale, rtol=1e-4)
    assert (ours.quantiles == ours.mean).all()
    assert ours.samples is not None
    assert ours.samples.shape == (20, network.prediction_length)
    assert (ours.samples == ours.mean).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_neither_threads_nor_company_change_a_byte(likelihood: str) -> None:
    network = random_network(likelihood)
    many = [series_for(network, length, seed=length) for length in (40, 3, 0, 60, 41, 7, 22)]

    alone = [fingerprint(forecasts(network, *many[:1], num_samples=203)[0])]
    together = [fingerprint(one) for one in forecasts(network, *many, num_samples=203)]

    assert together[0] == alone[0]
    for threads in (2, 3):
        assert [fingerprint(one) for one in forecasts(network, *many, num_samples=203, threads=threads)] == together
        assert fingerprint(forecasts(network, many[0], num_samples=203, threads=threads)[0]) == alone[0]


def fingerprint(one: Forecast) -> str:
    assert one.samples is not None
    return hashlib.sha256(one.mean.tobytes() + one.quantiles.tobytes() + one.samples.tobytes()).hexdigest()


def test_random_numbers_hang_on_the_seed_and_the_place_in_the_request() -> None:
    network = random_network()
    series = series_for(network)

    first, second = forecasts(network, series, series)
    again = forecast(network, [series], num_samples=96, quantiles=LEVELS, seed=5, positions=[1], want_samples=True)
    (other,) = forecasts(network, series, seed=6)

    assert fingerprint(again[0]) == fingerprint(second)
    assert len({fingerprint(first), fingerprint(second), fingerprint(other)}) == 3


def test_nothing_that_was_not_asked_for_is_given() -> None:
    network = random_network()

    (ours,) = forecast(network, [series_for(network)], num_samples=1, quantiles=[], seed=0)

    assert ours.quantiles.shape == (0, network.prediction_length)
    assert ours.samples is None


def test_no_series_are_no_forecasts() -> None:
    assert forecast(random_network(), [], num_samples=10, quantiles=[0.5], seed=0) == []


def test_a_network_with_other_weights_forecasts_otherwise() -> None:
    network = random_network()
    other = replace(network, projection_bias=network.projection_bias + np.float32(1))
    series = series_for(network)

    assert (forecasts(other, series)[0].mean != forecasts(network, series)[0].mean).all()
