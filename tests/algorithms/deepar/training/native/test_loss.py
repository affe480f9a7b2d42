"""The losses of all likelihoods, beside densities written out in float64, and their gradients beside differences."""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from forecastle.algorithms.deepar.likelihood import BETA, DETERMINISTIC_L1, GAUSSIAN, NEGATIVE_BINOMIAL, STUDENT_T
from forecastle.algorithms.deepar.training.native.loss import (
    log_gamma,
    loss_in_lanes,
    loss_of_one,
)
from forecastle.kernels.lanes import SIZES, Size, load, store
from forecastle.kernels.pointer import memory

LEAST = 2.0**-23


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def in_lanes(likelihood: int, rows: Any, out: Any, size: Size) -> None:
    given, results = memory(rows), memory(out)
    loss, first, second, third = loss_in_lanes(
        likelihood,
        load(given, 0, size),
        load(given, 16, size),
        load(given, 32, size),
        load(given, 48, size),
        load(given, 64, size),
        load(given, 80, size),
    )
    store(results, 0, loss)
    store(results, 16, first)
    store(results, 32, second)
    store(results, 48, third)


def computed(likelihood: int, value: float, scale: float, parameters: list[float]) -> np.ndarray[Any, np.dtype[Any]]:
    """The loss and the gradients of the three parameters, by whichever of our kernels is the one that gives them."""
    if likelihood in (BETA, NEGATIVE_BINOMIAL):
        return np.array([*loss_of_one(likelihood, value, scale, *parameters[:2]), 0.0])
    rows = np.array([value, scale, math.log(scale), *parameters], np.float32)
    out = np.empty((4, 16), np.float32)
    in_lanes(likelihood, np.repeat(rows[:, None], 16, axis=1), out, SIZES[2])
    assert np.array_equal(out, np.repeat(out[:, :1], 16, axis=1), equal_nan=True)
    return out[:, 0].astype(float)


def positive(x: float) -> float:
    return max(float(np.logaddexp(0.0, x)), LEAST)


def student_t(value: float, scale: float, mu: float, sigma_before: float, nu_before: float) -> float:
    sigma, nu = positive(sigma_before), 2 + positive(nu_before)
    z = (value / scale - mu) / sigma
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * nu) - math.log(sigma)
    return math.log(scale) - constant + (nu + 1) / 2 * math.log1p(z * z / nu)


def gaussian(value: float, scale: float, mu: float, sigma_before: float, _: float) -> float:
    sigma = positive(sigma_before)
    return math.log(scale * sigma) + 0.5 * math.log(2 * math.pi) + 0.5 * ((value / scale - mu) / sigma) ** 2


def negative_binomial(value: float, scale: float, mu_before: float, alpha_before: float, _: float) -> float:
    mu, count = positive(mu_before) * scale, 1 / positive(alpha_before)
    chance = mu / (mu + count)
    density = math.lgamma(value + count) - math.lgamma(value + 1) - math.lgamma(count)
    return -(density + value * math.log(chance) + count * math.log1p(-chance))


def beta(value: float, scale: float, alpha_before: float, beta_before: float, _: float) -> float:
    del scale
    alpha, beta = positive(alpha_before), positive(beta_before)
    density = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    return -(density + (alpha - 1) * math.log(value) + (beta - 1) * math.log(1 - value))


def absolute(value: float, scale: float, location: float, _: float, __: float) -> float:
    return abs(value - location * scale)


CASES: list[tuple[int, Callable[..., float], list[float]]] = [
    (STUDENT_T, student_t, [-300.0, 0.0, 7.0]),
    (GAUSSIAN, gaussian, [-300.0, 0.0, 7.0]),
    (NEGATIVE_BINOMIAL, negative_binomial, [0.0, 3.0, 700.0]),
    (BETA, beta, [1e-6, 0.3, 1 - 1e-6]),
    (DETERMINISTIC_L1, absolute, [-300.0, 0.0, 7.0]),
]


@pytest.mark.parametrize(("likelihood", "density", "values"), CASES, ids=[case[1].__name__ for case in CASES])
@pytest.mark.parametrize("parameters", [[0.3, -0.4, 0.5], [-3.0, 2.0, 9.0], [5.0, -6.0, -7.0], [1.5, 4.0, 90.0]])
def test_losses_and_gradients_are_those_of_the_density(
    likelihood: int, density: Callable[..., float], values: list[float], parameters: list[float]
) -> None:
    step = 1e-5
    for value in values:
        for scale in (1.0, 40.0):
            found = computed(likelihood, value, scale, parameters)
            expected = [density(value, scale, *parameters)]
            for number in range(3):
                ahead, behind = ([*parameters], [*parameters])
                ahead[number] += step
                behind[number] -= step
                expected.append((density(value, scale, *ahead) - density(value, scale, *behind)) / (2 * step))
            # A sum's error is that of its largest part, which is not much larger than the sum of them all.
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("likelihood", [STUDENT_T, GAUSSIAN, DETERMINISTIC_L1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_has_no_finite_loss(likelihood: int, value: float) -> None:
    with np.errstate(over="ignore"):
        assert not np.isfinite(computed(likelihood, value, 1e-3, [0.1, 0.2, 0.3])[0]) or (
            likelihood == DETERMINISTIC_L1 and np.isfinite(value)
        )


@pytest.mark.parametrize(("likelihood", "parameter"), [(STUDENT_T, 1), (STUDENT_T, 2), (GAUSSIAN, 1), (BETA, 0)])
def test_a_parameter_at_its_least_value_has_no_gradient(likelihood: int, parameter: int) -> None:
    parameters = [0.1, 0.2, 0.3]
    parameters[parameter] = -40.0
    assert computed(likelihood, 0.5, 1.0, parameters)[1 + parameter] == 0


def test_the_logarithm_of_the_gamma_function_and_its_derivative() -> None:
    euler = 0.5772156649015329
    slopes = {
        1.0: -euler,
        0.5: -euler - 2 * math.log(2),
        2.0: 1 - euler,
        10.0: sum(1 / n for n in range(1, 10)) - euler,
        1e6: math.log(1e6) - 0.5e-6 - 1e-12 / 12,
    }
    for x, slope in slopes.items():
        assert log_gamma(x)[1] == pytest.approx(slope, abs=1e-12)
    for x in (1e-9, 0.1, 0.999, 3.0, 7.999, 8.0, 8.5, 123.4, 1e9):
        assert log_gamma(x)[0] == pytest.approx(math.lgamma(x), rel=1e-13, abs=1e-13)


def test_the_gamma_function_of_what_is_not_positive_is_no_number() -> None:
    for x in (0.0, -2.5, -math.inf, math.nan):
        assert np.isnan(log_gamma(x)).all()
