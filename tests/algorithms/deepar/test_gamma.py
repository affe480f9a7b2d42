"""Gamma and Poisson random numbers, beside their distributions."""

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from algorithms.deepar.gamma import log_gamma, poisson
from algorithms.deepar.philox import Stream, begin_stream, new_stream

COUNT = 20_000


@numba.njit  # type: ignore[untyped-decorator]
def many(poissonian: bool, parameter: float, stream: Stream, out: NDArray[np.float64]) -> None:
    for index in range(len(out)):
        begin_stream(stream, index, 0, 0)
        out[index] = poisson(stream, parameter) if poissonian else log_gamma(stream, parameter)


def numbers(poissonian: bool, parameter: float) -> NDArray[np.float64]:
    out = np.empty(COUNT)
    many(poissonian, parameter, new_stream(np.uint64(3)), out)
    return out


@pytest.mark.parametrize("shape", [0.01, 0.3, 1.0, 1.7, 40.0, 1e6])
def test_gamma_numbers_are_distributed_as_gamma(shape: float) -> None:
    assert stats.kstest(numbers(False, shape), stats.loggamma(shape).cdf).pvalue > 1e-3


@pytest.mark.parametrize("mean", [1e-4, 0.2, 3.0, 9.99, 10.0, 75.0, 1e5])
def test_poisson_numbers_are_distributed_as_poisson(mean: float) -> None:
    ours = numbers(True, mean)
    expected = stats.poisson(mean)

    assert (ours == np.floor(ours)).all()
    # Made continuous: within the jump that the distribution function makes at a count.
    jump = np.random.default_rng(0).random(COUNT) * expected.pmf(ours)
    assert stats.kstest(expected.cdf(ours - 1) + jump, "uniform").pvalue > 1e-3


def test_no_events_are_expected_where_the_mean_is_zero() -> None:
    assert (numbers(True, 0.0) == 0).all()
