"""Gamma and Poisson random numbers, beside their distributions."""

import math

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from forecastle.algorithms.deepar.inference.gamma import gammas, log_share, poissons
from forecastle.kernels.philox import Stream, begin_stream, new_stream, next_uniform

AT_ONCE, COUNT = 16, 20_000
Doubles = NDArray[np.float64]


@numba.njit  # type: ignore[untyped-decorator]
def log_gammas(shape: float, stream: Stream, out: Doubles) -> None:
    normals, uniforms, numbers = np.empty(AT_ONCE), np.empty(AT_ONCE), np.empty(AT_ONCE)
    for first in range(0, len(out), AT_ONCE):
        begin_stream(stream, first, 0, 0)
        for index in range(AT_ONCE):
            radius = math.sqrt(-2.0 * math.log(next_uniform(stream)))
            normals[index] = radius * math.cos(2.0 * math.pi * next_uniform(stream))
            uniforms[index] = next_uniform(stream)
        gammas(stream, shape + 1.0 if shape < 1.0 else shape, normals, uniforms, numbers)
        for index in range(AT_ONCE):
            out[first + index] = math.log(numbers[index]) + log_share(shape, next_uniform(stream))


@numba.njit  # type: ignore[untyped-decorator]
def counts(mean: float, stream: Stream, out: Doubles) -> None:
    means, uniforms, others = np.full(AT_ONCE, mean), np.empty(AT_ONCE), np.empty(AT_ONCE)
    for first in range(0, len(out), AT_ONCE):
        begin_stream(stream, first, 0, 0)
        for index in range(AT_ONCE):
            uniforms[index], others[index] = next_uniform(stream), next_uniform(stream)
        poissons(stream, means, uniforms, others, out[first : first + AT_ONCE])


def drawn(poissonian: bool, parameter: float) -> Doubles:
    out = np.empty(COUNT)
    (counts if poissonian else log_gammas)(parameter, new_stream(np.uint64(3)), out)
    return out


@pytest.mark.parametrize("shape", [0.01, 0.3, 0.999, 1.0, 1.7, 40.0, 1e6])
def test_gamma_numbers_are_distributed_as_gamma(shape: float) -> None:
    assert stats.kstest(drawn(False, shape), stats.loggamma(shape).cdf).pvalue > 1e-3


@pytest.mark.parametrize("mean", [1e-4, 0.2, 3.0, 9.99, 10.0, 75.0, 1e5])
def test_poisson_numbers_are_distributed_as_poisson(mean: float) -> None:
    ours = drawn(True, mean)
    expected = stats.poisson(mean)

    assert (ours == np.floor(ours)).all()
    # Made continuous: within the jump that the distribution function makes at a count.
    jump = np.random.default_rng(0).random(COUNT) * expected.pmf(ours)
    assert stats.kstest(expected.cdf(ours - 1) + jump, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("mean", [1e15, 5e18, 1e38, math.inf, math.nan])
def test_so_many_events_that_a_float32_shows_no_spread_are_as_many_as_expected(mean: float) -> None:
    stream, counts = new_stream(np.uint64(1)), np.empty(AT_ONCE)
    uniforms = np.random.default_rng(0).random((2, AT_ONCE))

    poissons(stream, np.full(AT_ONCE, mean), uniforms[0], uniforms[1], counts)

    np.testing.assert_array_equal(counts, mean)


def test_no_events_are_expected_where_the_mean_is_zero() -> None:
    assert (drawn(True, 0.0) == 0).all()


@pytest.mark.parametrize("mean", [3.0, 75.0])
def test_larger_uniform_numbers_give_no_smaller_counts(mean: float) -> None:
    uniforms, found = np.linspace(0.02, 0.98, 99), np.empty(99)
    poissons(new_stream(np.uint64(0)), np.full(99, mean), uniforms, np.full(99, 1e-9), found)  # none is sent back

    assert (np.diff(found) >= 0).all()
    assert found[-1] > found[0]


def test_larger_normal_numbers_give_larger_gamma_numbers() -> None:
    normals, found = np.linspace(-2.5, 2.5, 99), np.empty(99)
    gammas(new_stream(np.uint64(0)), 5.0, normals, np.full(99, 1e-9), found)

    assert (np.diff(found) > 0).all()
