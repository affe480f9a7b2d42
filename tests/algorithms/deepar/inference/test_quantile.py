"""Quantiles by binning, beside numpy's."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.quantile import summarise

LEVELS = np.array([0.5, 0.0, 0.001, 0.1, 0.37, 0.9, 0.999, 1.0])
Floats = NDArray[np.float32]


def summary(draws: Floats) -> tuple[Floats, Floats]:
    """Of (T, draws, lanes), whose conditional means are taken to be those of the draws."""
    steps = len(draws)
    mean, quantiles = np.empty(steps, np.float32), np.empty((len(LEVELS), steps), np.float32)
    with np.errstate(all="ignore"):
        expected = np.ascontiguousarray(draws.mean(axis=1, dtype=np.float32))
    summarise(expected, draws, LEVELS, 0, steps, mean, quantiles)
    return mean, quantiles


@pytest.mark.parametrize("lanes", [16, 104, 1000])
@pytest.mark.parametrize("shape", ["normal", "heavy", "far", "constant", "counts", "outlier", "skewed"])
def test_quantiles_are_numpys(shape: str, lanes: int) -> None:
    generator = np.random.default_rng(1)
    size = (3, 16, lanes)
    draws = {
        "normal": generator.normal(size=size),
        "heavy": generator.standard_t(1.1, size=size),
        "far": 1e6 + generator.normal(size=size),
        "constant": np.full(size, 3.25),
        "counts": generator.poisson(0.7, size=size),
        "outlier": np.where(generator.random(size) < 1e-4, 1e30, generator.normal(size=size)),
        "skewed": generator.lognormal(0, 4, size=size),
    }[shape].astype(np.float32)

    mean, quantiles = summary(draws)

    expected = np.quantile(draws.reshape(3, -1).astype(float), LEVELS, axis=1)
    np.testing.assert_allclose(quantiles, expected, rtol=3e-7, atol=1e-30)
    np.testing.assert_allclose(mean, draws.mean(axis=(1, 2), dtype=float), rtol=1e-4, atol=1e-4 * np.abs(draws).mean())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=16), st.randoms())
def test_quantiles_are_numpys_for_whatever_values(values: list[float], random: Random) -> None:
    draws = np.array([random.choice(values) for _ in range(32)], np.float32).reshape(1, 2, 16)

    _, quantiles = summary(draws)

    ordered = np.sort(draws.ravel()).astype(float)
    ranks = LEVELS * 31
    lower, upper = ordered[np.floor(ranks).astype(int)], ordered[np.ceil(ranks).astype(int)]
    expected = lower + (ranks - np.floor(ranks)) * (upper - lower)
    np.testing.assert_allclose(quantiles[:, 0], expected, rtol=3e-7, atol=1e-37)


def test_infinite_draws_do_no_harm_to_the_quantiles_between_them() -> None:
    draws = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)
    draws[0, 0, 0], draws[0, 0, 1] = np.inf, -np.inf

    _, quantiles = summary(draws)

    np.testing.assert_allclose(quantiles[0, 0], np.quantile(draws, 0.5), rtol=1e-6)


@pytest.mark.parametrize("largest", [np.finfo(np.float32).max, np.float32(np.inf)])
def test_draws_farther_from_their_mean_than_float32_reaches_are_in_order(largest: np.float32) -> None:
    draws = np.array([-largest, 0, 1, largest] * 8, np.float32).reshape(1, 2, 16)
    expected = np.full((1, 16), -1e38, np.float32)
    mean, quantiles = np.empty(1, np.float32), np.empty((len(LEVELS), 1), np.float32)

    summarise(expected, draws, LEVELS, 0, 1, mean, quantiles)

    assert quantiles[LEVELS == 0, 0] == -largest
    assert quantiles[LEVELS == 1, 0] == largest
    assert quantiles[LEVELS == 0.5, 0] == 0.5


def test_steps_may_be_done_in_parts() -> None:
    draws = np.random.default_rng(0).normal(size=(7, 16, 48)).astype(np.float32)
    mean, quantiles = summary(draws)
    again_mean, again = np.empty_like(mean), np.empty_like(quantiles)
    expected = np.ascontiguousarray(draws.mean(axis=1, dtype=np.float32))

    for first, stop in ((0, 3), (3, 4), (4, 7)):
        summarise(expected, draws, LEVELS, first, stop, again_mean, again)

    np.testing.assert_array_equal(again, quantiles)
    np.testing.assert_array_equal(again_mean, mean)
