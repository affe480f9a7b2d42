"""Our engine beside SageMaker's graph itself, which is computed in float64 operator by operator."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.sagemaker.arrays import read_arrays
from forecastle.algorithms.deepar.sagemaker.artifact import adopt
from forecastle.algorithms.deepar.series import Series
from tests.algorithms.deepar.sagemaker.build import PROJECTIONS, Recipe, artifact
from tests.algorithms.deepar.sagemaker.genuine import DAILY, MONTHLY, needs_artifacts
from tests.algorithms.deepar.sagemaker.interpreter import Interpreter

Doubles = NDArray[np.float64]
START = np.datetime64("2012-02-27T22:00:00", "s")


def network_in(folder: Path) -> Network:
    found = adopt(folder)
    assert found is not None
    return Network.from_artifact(found.parameters, found.arrays)


def inputs_of(network: Network, series: Series) -> Mapping[str, Doubles]:
    """What the graph is fed with for a series: the last values, 0 before its start and where they are missing."""
    train, future, length = network.context_length + network.lags[-1], network.prediction_length, len(series.target)
    before = max(train - length, 0)
    first = length - train + before  # of the series' steps, which those before it are padded to
    target = np.concatenate([np.zeros(before), series.target[first:].astype(float)])
    observed = np.concatenate([np.zeros(before), ~np.isnan(series.target[first:])])
    steps = length + future - first
    dates = network.frequency.time_features(series.start, first, steps, network.date_features)
    age = np.log10(2.0 + np.arange(first, first + steps))[None]
    dynamic = np.empty((0, steps)) if series.dynamic_feat is None else series.dynamic_feat[:, first:]
    features = np.vstack([dates, age, dynamic])
    features = np.hstack([np.zeros((len(features), before)), features])
    return {
        "trainTarget": np.nan_to_num(target)[None],
        "observedValuesTrain": observed[None],
        "isPaddedTrain": (np.arange(train) < before).astype(float)[None],
        "timeFeaturesTrain": features[None, :, :train],
        "timeFeaturesPred": features[None, :, train:],
        "itemFeatures": np.array([series.cat or (0,)], float),
    }


def equals_the_graph(folder: Path, series: Series, num_samples: int = 384) -> None:
    """Along our own paths, each step's mean is the graph's, and each value is a draw from the graph's distribution."""
    network = network_in(folder)
    (ours,) = forecast(network, [series], num_samples=num_samples, quantiles=[0.5], seed=1, want_samples=True)
    assert ours.samples is not None
    symbol = json.loads((folder / "model_algo-1-symbol.json").read_bytes())
    graph = Interpreter(symbol, read_arrays((folder / "model_algo-1-0000.params").read_bytes()))

    draws = graph.run(inputs_of(network, series), ours.samples.T.astype(float))

    means = np.array([_mean(str(network.likelihood), drawn) for drawn in draws])  # (T, paths)
    size = np.abs(means).mean()
    np.testing.assert_allclose(ours.mean, means.mean(axis=1), atol=5e-5 * size, rtol=5e-5)
    if str(network.likelihood) == "gaussian":
        spreads = np.array([spread for _, spread in draws])
        chances = stats.norm.cdf((ours.samples.T - means) / spreads)
        assert stats.kstest(chances.ravel(), "uniform").pvalue > 1e-4


def _mean(likelihood: str, drawn: tuple[Doubles, ...]) -> Doubles:
    return drawn[0] / (drawn[0] + drawn[1]) if likelihood == "beta" else drawn[0]


def series_of(recipe: Recipe, length: int, missing: float = 0.0, seed: int = 3) -> Series:
    generator = np.random.default_rng(seed)
    level = 20 * (1.2 + np.sin(np.arange(length) / 2))
    drawn = generator.uniform(0.1, 0.9, length) if recipe.likelihood == "beta" else generator.poisson(level)
    target = np.asarray(drawn, np.float32)
    target[generator.random(length) < missing] = np.nan
    dynamic = generator.normal(size=(recipe.num_dynamic_feat, length + recipe.future)).astype(np.float32)
    cat = tuple(rows - 1 for rows in recipe.cardinality)
    return Series(START, target, cat, dynamic if recipe.num_dynamic_feat else None)


LIKELIHOODS = [name for name in PROJECTIONS if name != "beta"]


@pytest.mark.parametrize("likelihood", PROJECTIONS)
def test_a_long_series_is_forecast_as_by_the_graph(likelihood: str, tmp_path: Path) -> None:
    recipe = Recipe(likelihood, cardinality=(3, 4), num_dynamic_feat=2)
    equals_the_graph(artifact(recipe).write(tmp_path), series_of(recipe, 40))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 11, 15])
def test_states_are_reset_before_a_series_start(likelihood: str, length: int, tmp_path: Path) -> None:
    recipe = Recipe(likelihood, num_dynamic_feat=1)
    equals_the_graph(artifact(recipe).write(tmp_path), series_of(recipe, length))


@pytest.mark.parametrize("likelihood", PROJECTIONS)
@pytest.mark.parametrize("seed", range(4))
def test_a_missing_value_in_the_context_is_the_networks_own_mean(likelihood: str, seed: int, tmp_path: Path) -> None:
    recipe = Recipe(likelihood, context=13, lags=(1, 2, 5, 9), cells=9, layers=3, seed=seed)
    series = series_of(recipe, 40)
    series.target[-13:][np.random.default_rng(seed).random(13) < 0.4] = np.nan
    equals_the_graph(artifact(recipe).write(tmp_path), series)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("length", [3, 9, 16])
def test_a_short_series_with_missing_values(likelihood: str, length: int, tmp_path: Path) -> None:
    recipe = Recipe(likelihood, context=11, layers=1, lags=(1, 2, 3, 14))
    equals_the_graph(artifact(recipe).write(tmp_path), series_of(recipe, length, missing=0.4))


def test_a_context_without_a_value_takes_the_default_scale(tmp_path: Path) -> None:
    recipe = Recipe("gaussian", default_scale=33.0)
    series = series_of(recipe, 40)
    series.target[-recipe.context :] = np.nan
    equals_the_graph(artifact(recipe).write(tmp_path), series)


@pytest.mark.parametrize(
    "sizes",
    [
        {"parts": ("lags", "features", "static"), "lags": (7, 1, 3, 2)},
        {"parts": ("static", "lags", "features"), "cardinality": (5,), "num_dynamic_feat": 3},
        {"time_freq": "M"},
        {"time_freq": "W"},
        {"time_freq": "2H"},
        {"time_freq": "15min", "lags": (1, 30), "future": 40},
        {"cells": 1, "layers": 1, "context": 1, "future": 1, "lags": (1,)},
        {"cells": 40, "layers": 3, "dropout": 0.0},
    ],
)
def test_every_order_of_inputs_frequency_and_size(sizes: dict[str, Any], tmp_path: Path) -> None:
    recipe = replace(Recipe(), **sizes)
    equals_the_graph(artifact(recipe).write(tmp_path), series_of(recipe, 30, missing=0.1))


def series_in(line: str, end: int | None = None) -> Series:
    record = json.loads(line)
    target = np.array(record["target"][:end], np.float32)
    dynamic = np.array(record["dynamic_feat"], np.float32)[:, : len(target) + 12]
    return Series(np.datetime64(record["start"].replace(" ", "T"), "s"), target, tuple(record["cat"]), dynamic)


@needs_artifacts
@pytest.mark.parametrize("gaps", [(), (-1,), (-12, -11, -4), range(-12, 0), (-30, -2)])
def test_the_genuine_monthly_graph(gaps: tuple[int, ...]) -> None:
    lines = (MONTHLY / "input_2017.jsonl").read_text().splitlines()
    for number in (0, 171, 349):
        series = series_in(lines[number])
        series.target[list(gaps)] = np.nan
        equals_the_graph(MONTHLY, series, num_samples=64)


@needs_artifacts
@pytest.mark.parametrize("length", [0, 1, 7, 12, 20, 40])
def test_the_genuine_monthly_graph_on_short_series(length: int) -> None:
    lines = (MONTHLY / "input_2017.jsonl").read_text().splitlines()
    equals_the_graph(MONTHLY, series_in(lines[5], length), num_samples=64)


@needs_artifacts
@pytest.mark.parametrize(("length", "gaps"), [(976, ()), (976, (-20, -7, -6, -1)), (748, (-3,)), (12, ()), (0, ())])
def test_the_genuine_daily_graph(length: int, gaps: tuple[int, ...]) -> None:
    generator = np.random.default_rng(1)
    target = generator.normal(30_000, 4_000, length).astype(np.float32)
    target[list(gaps)] = np.nan
    equals_the_graph(DAILY, Series(START, target), num_samples=64)
