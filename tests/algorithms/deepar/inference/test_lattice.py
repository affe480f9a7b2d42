"""Paths that depend on each other: each has the right law, and together they are closer to it than independent ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.inference.lattice import groups_of
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.kernels.lanes import LANES
from tests.algorithms.deepar.networks import random_network
from tests.algorithms.deepar.reference import conditional_distributions, distribution

RANDOM = [name for name, likelihood in LIKELIHOODS.items() if not likelihood.point]
LEVELS = [0.1, 0.5, 0.9]
PLAIN, SEEDS, PATHS = 20_000, 1_000, 20

Doubles = NDArray[np.float64]


@cache
def plain_paths(likelihood: str) -> tuple[Network, Series, Doubles]:
    """A network whose paths differ, a series, and independent paths from the network's definition, (paths, T)."""
    network = random_network(likelihood, cells=5, prediction_length=4, lags=(1, 2, 3), context_length=2, seed=3)
    layers = [replace(layer, input_weight=2 * layer.input_weight) for layer in network.layers]
    network = replace(network, layers=tuple(layers), projection_weight=2 * network.projection_weight)
    generator = np.random.default_rng(0)
    values = generator.uniform(0.2, 0.8, 12) if likelihood == "beta" else generator.poisson(20, 12)
    series = Series(np.datetime64("2024-01-01", "s"), values.astype(np.float32))
    paths = np.zeros((PLAIN, network.prediction_length))
    for step in range(network.prediction_length):
        scale, parameters = conditional_distributions(network, series, paths)
        paths[:, step] = distribution(likelihood, scale, parameters[:, :, step]).rvs(random_state=generator)
    return network, series, paths


@pytest.mark.parametrize("likelihood", RANDOM)
def test_each_path_has_the_law_of_an_independent_one(likelihood: str) -> None:
    network, series, plain = plain_paths(likelihood)
    paths, means = np.empty((SEEDS, network.prediction_length)), np.empty((SEEDS, network.prediction_length))
    for seed in range(SEEDS):
        (one,) = forecast(network, [series], num_samples=PATHS, quantiles=[], seed=seed, want_samples=True, threads=1)
        assert one.samples is not None
        paths[seed], means[seed] = one.samples[seed % PATHS], one.mean

    for ours, independent in zip(summaries(paths), summaries(plain)):
        assert stats.ks_2samp(ours, independent).pvalue > 1e-3
    deviations = (means.mean(axis=0) - plain.mean(axis=0)) / (plain.std(axis=0) / np.sqrt(PLAIN))
    assert np.abs(deviations).max() < 4


def summaries(paths: Doubles) -> list[Doubles]:
    """The last value of each path, its sum and its last change."""
    return [paths[:, -1], paths.sum(axis=1), paths[:, -1] - paths[:, -2]]


@pytest.mark.parametrize("likelihood", RANDOM)
def test_quantiles_and_samples_are_more_accurate_than_independent_paths(likelihood: str) -> None:
    network, series, plain = plain_paths(likelihood)
    truth = np.quantile(plain, LEVELS, axis=0)
    generator = np.random.default_rng(1)
    errors: dict[str, list[Doubles]] = {"ours": [], "samples": [], "independent": []}
    for seed in range(60):
        (one,) = forecast(network, [series], num_samples=100, quantiles=LEVELS, seed=seed, want_samples=True)
        assert one.samples is not None
        errors["ours"].append(one.quantiles - truth)
        errors["samples"].append(np.quantile(one.samples, LEVELS, axis=0) - truth)
        errors["independent"].append(np.quantile(generator.choice(plain, 100), LEVELS, axis=0) - truth)

    ours, samples, independent = (np.sqrt(np.mean(np.square(rows))) for rows in errors.values())
    assert ours < independent / 3
    assert samples < independent * 0.75


@pytest.mark.parametrize("vectors", [2, 3, 9, 10, 13, 25, 43, 125])
def test_every_path_is_in_one_group_and_every_point_is_one_paths(vectors: int) -> None:
    groups = groups_of(vectors)

    assert [group.first for group in groups] == [0, *np.cumsum([group.vectors for group in groups])[:-1]]
    assert sum(group.vectors for group in groups) == vectors
    assert all(len(group.places) == group.vectors * LANES for group in groups)
    assert sorted(np.concatenate([group.places for group in groups])) == list(range(vectors * LANES))
