"""The forecaster beside GluonTS' own predictor on MXNet, with the same weights."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.forecast import Forecast, forecast
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.mxnet import arrays_of

START = "2012-02-27 22:00:00"
CONTEXT, STEPS, PATHS = 10, 4, 20_000
LEVELS = [0.1, 0.5, 0.9]


pytestmark = pytest.mark.mxnet


@pytest.fixture(scope="module")
def mx() -> Any:
    setattr(np, "bool", np.bool_)  # noqa: B010 - MXNet reads the name, which numpy 1.24 removed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mxnet

    return mxnet


@pytest.mark.parametrize("features", [False, True], ids=["alone", "cat_and_dynamic_feat"])
@pytest.mark.parametrize("likelihood", ["student-T", "gaussian", "negative-binomial", "beta"])
@pytest.mark.filterwarnings("ignore")  # GluonTS' own
def test_forecasts_are_those_of_gluonts(mx: Any, likelihood: str, features: bool) -> None:
    for ours, theirs in forecasts(mx, likelihood, features, PATHS):
        assert ours.samples is not None
        agree(ours.samples, theirs)
        close_to(ours.mean, ours.quantiles, theirs)


@pytest.mark.parametrize("features", [False, True], ids=["alone", "cat_and_dynamic_feat"])
@pytest.mark.filterwarnings("ignore")  # GluonTS' own
def test_so_are_point_forecasts(mx: Any, features: bool) -> None:
    for ours, theirs in forecasts(mx, "deterministic-L1", features, 10):
        assert ours.samples is not None
        for path in (ours.mean, *ours.quantiles, *ours.samples):
            np.testing.assert_allclose(path, theirs[0], rtol=1e-4)


def forecasts(mx: Any, likelihood: str, features: bool, paths: int) -> Iterator[tuple[Forecast, NDArray[Any]]]:
    """Our forecast and their samples, of series that are long, short, empty, and missing some values or all."""
    predictor, network = gluonts_predictor(mx, likelihood, features, paths)
    for length, missing in ((60, 0.3), (5, 0.0), (0, 0.0)) if features else ((60, 0.0), (CONTEXT, 1.0), (0, 0.0)):
        target = observed(likelihood, length, missing)
        cat, dynamic = (1, 2), np.random.default_rng(3).normal(size=(2, length + STEPS)).astype(np.float32)
        entry = {"start": period(START), "target": target.copy()}
        if features:
            entry |= {"feat_static_cat": np.array(cat), "feat_dynamic_real": dynamic}
        (theirs,) = predictor.predict([entry])

        series = Series(np.datetime64(START, "s"), target, *((cat, dynamic) if features else ()))
        (ours,) = forecast(network, [series], num_samples=paths, quantiles=LEVELS, seed=1, want_samples=True)
        yield ours, theirs.samples


def agree(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Two samples' distribution functions, at the quantiles of one, within five standard errors of their difference."""
    for step in range(STEPS):
        for level in LEVELS:
            value = np.quantile(theirs[:, step], level)
            shares = [np.mean(sample[:, step] <= value) for sample in (ours, theirs)]
            assert abs(shares[0] - shares[1]) < 5 * np.sqrt(2 * level * (1 - level) / PATHS) + 1e-9, (step, level)


def close_to(mean: NDArray[Any], quantiles: NDArray[Any], theirs: NDArray[Any]) -> None:
    error = theirs.std(axis=0) / np.sqrt(PATHS)
    assert (np.abs(mean - theirs.mean(axis=0)) < 6 * error).all()
    for level, quantile in zip(LEVELS, quantiles):
        above = np.mean(theirs <= quantile, axis=0)
        below = np.mean(theirs < quantile, axis=0)
        bound = 6 * np.sqrt(level * (1 - level) / PATHS)
        assert (below - bound < level).all()
        assert (level < above + bound).all()


def observed(likelihood: str, length: int, missing: float) -> NDArray[np.float32]:
    generator = np.random.default_rng(11)
    # As rough as can be, so that each lag matters.
    target: NDArray[np.float32] = generator.poisson(30 * generator.gamma(0.7, size=length)).astype(np.float32)
    if likelihood == "beta":
        target = generator.beta(0.5, 0.5, length).astype(np.float32).clip(0.01, 0.99)
    target[generator.random(length) < missing] = np.nan
    return target


def period(start: str) -> Any:
    import pandas as pd

    return pd.Period(start, freq="2H")


def gluonts_predictor(mx: Any, likelihood: str, features: bool, paths: int) -> tuple[Any, Network]:
    """A predictor with random weights, and our network with the same."""
    from gluonts.mx import distribution
    from gluonts.mx.model.deepar import DeepAREstimator

    outputs = {
        "student-T": distribution.StudentTOutput(),
        "gaussian": distribution.GaussianOutput(),
        "negative-binomial": distribution.NegativeBinomialOutput(),
        "beta": distribution.BetaOutput(),
        # GluonTS' own point is one for all series; a normal distribution of no width is what is meant.
        "deterministic-L1": distribution.GaussianOutput(),
    }
    lags = [1, 2, 3, 4, 12, 13, 40]
    cardinality, dimensions = [2, 4], [3, 2]
    estimator = DeepAREstimator(
        freq="2H",
        prediction_length=STEPS,
        context_length=CONTEXT,
        num_cells=7,
        num_layers=3,
        lags_seq=lags,
        distr_output=outputs[likelihood],
        use_feat_static_cat=features,
        use_feat_dynamic_real=features,
        cardinality=cardinality if features else None,
        embedding_dimension=dimensions if features else None,
        num_parallel_samples=paths,
        scaling=likelihood != "beta",
        default_scale=9.0,
    )
    mx.random.seed(5)
    network = estimator.create_training_network()
    network.initialize(mx.init.Uniform(0.8))
    inputs = len(lags) + 4 + 1 + (2 + sum(dimensions) if features else 1) + 2
    for number in range(3):
        lstm(network.rnn[number]).i2h_weight.shape = (28, inputs if number == 0 else 7)
    for dense in network.proj_distr_args.proj:
        dense.weight.shape = (1, 7)
    for parameter in network.collect_params().values():
        parameter.initialize(mx.init.Uniform(0.8), force_reinit=True)
    if likelihood == "deterministic-L1":
        width = network.proj_distr_args.proj[1]
        width.weight.set_data(mx.nd.zeros((1, 7)))
        width.bias.set_data(mx.nd.array([-60.0]))
    predictor = estimator.create_predictor(estimator.create_transformation(), network)
    return predictor, converted(network, likelihood, lags, cardinality if features else [])


def lstm(cell: Any) -> Any:
    while hasattr(cell, "base_cell"):
        cell = cell.base_cell
    return cell


def converted(network: Any, likelihood: str, lags: Sequence[int], cardinality: Sequence[int]) -> Network:
    parameters = {
        "time_freq": "2H",
        "context_length": CONTEXT,
        "prediction_length": STEPS,
        "likelihood": likelihood,
        "lags": list(lags),
        "cardinality": list(cardinality),
        "num_dynamic_feat": 2 if cardinality else 0,
        "num_layers": 3,
        "num_cells": 7,
        "default_scale": 9.0,
    }
    arrays = arrays_of(network)
    for name in ("projection_weight", "projection_bias"):
        arrays[name] = arrays[name][
            : len(LIKELIHOODS[likelihood].parameters)
        ]  # without the width of what stands for a point
    return Network.from_artifact(parameters, arrays)
