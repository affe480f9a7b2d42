"""What values cost under likelihoods whose densities are elementary enough for lanes, and the parameters' gradients.

The densities are GluonTS', the values' own scale and the links included; deterministic-L1's is the absolute error.
"""

import math

from forecastle.algorithms.deepar.likelihood import GAUSSIAN, LEAST, STUDENT_T
from forecastle.kernels.compiled import inlined
from forecastle.kernels.elementary import LN_2, LOG2_E, exp2, log2, softplus
from forecastle.kernels.lanes import Floats, choose, exceeds, fma, maximum, minimum

Loss = tuple[Floats, Floats, Floats, Floats]
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@inlined
def loss_in_lanes(
    likelihood: int,
    value: Floats,
    scale: Floats,
    log_scale: Floats,
    first: Floats,
    second: Floats,
    third: Floats,
) -> Loss:
    """The losses of values, and their gradients after the parameters `first` …, which stand before their links."""
    if likelihood == STUDENT_T:
        return _student_t(value / scale, log_scale, first, second, third)
    if likelihood == GAUSSIAN:
        return _gaussian(value / scale, log_scale, first, second)
    error = value - first * scale
    nothing = error * 0.0
    sign = choose(exceeds(error, 0.0), -1.0, choose(exceeds(0.0, error), nothing + 1.0, nothing))
    return maximum(error, nothing - error), sign * scale, nothing, nothing


@inlined
def _student_t(value: Floats, log_scale: Floats, mu: Floats, sigma_before: Floats, nu_before: Floats) -> Loss:
    sigma, sigma_slope = _positive(sigma_before)
    nu, nu_slope = _positive(nu_before)
    nu = nu + 2.0
    z = (value - mu) / sigma
    square = z * z
    ratio, share = square / nu, (nu + 1.0) / (nu + square)
    tail = _log_1_and(ratio)
    constant, slope = _gamma_ratio(nu * 0.5)
    loss = fma(nu + 1.0, tail * 0.5, log_scale - constant) + log2(sigma) * LN_2
    of_nu = (tail - slope + 1.0 / nu - share * ratio) * 0.5
    # A square that is infinite, or no number, makes the loss so too.
    return loss + square * 0.0, 0.0 - share * z / sigma, (1.0 - share * square) / sigma * sigma_slope, of_nu * nu_slope


@inlined
def _gamma_ratio(x: Floats) -> tuple[Floats, Floats]:
    """log Γ(x + ½) − log Γ(x) − ½·log 2πx for x ≥ 1, and the derivative of the first two; error 2e-7.

    By the asymptotic series of x + 4 and the recurrence.
    """
    high = x + 4.0
    inverse = 1.0 / high
    square = inverse * inverse
    series = fma(square, 17 / 14336, -1 / 640)
    series = fma(fma(series, square, 1 / 192), square, -1 / 8) * inverse
    slope = fma(square, -17 / 2048, 1 / 128)
    slope = fma(fma(slope, square, -1 / 64), square, 1 / 8)
    slope = fma(slope, square, inverse * 0.5)
    first, second = x * (x + 1.0), (x + 2.0) * (x + 3.0)
    first_next, second_next = (x + 0.5) * (x + 1.5), (x + 2.5) * (x + 3.5)
    steps = (first_next / first) * (second_next / second)
    for place in range(4):
        slope = slope + 0.5 / ((x + float(place)) * (x + (place + 0.5)))
    return fma(log2(high / x) * 0.5 - log2(steps), LN_2, series - _HALF_LOG_2PI), slope


@inlined
def _log_1_and(x: Floats) -> Floats:
    """log(1 + x) for x ≥ 0, as exact for a small x as for a large one."""
    whole = x + 1.0
    return fma(log2(whole), LN_2, (x - (whole - 1.0)) / whole)


@inlined
def _gaussian(value: Floats, log_scale: Floats, mu: Floats, sigma_before: Floats) -> Loss:
    sigma, slope = _positive(sigma_before)
    z = (value - mu) / sigma
    square = z * z
    loss = fma(log2(sigma), LN_2, fma(square, 0.5, log_scale + _HALF_LOG_2PI))
    return loss, 0.0 - z / sigma, (1.0 - square) / sigma * slope, square * 0.0


@inlined
def _positive(x: Floats) -> tuple[Floats, Floats]:
    """log(1 + e^x), and its slope; at least the least positive parameter, where it has none."""
    value = softplus(x)
    slope = 1.0 / (exp2(maximum(minimum(x * -LOG2_E, 100.0), -100.0)) + 1.0)
    return value, choose(exceeds(value, LEAST), slope, 0.0)
