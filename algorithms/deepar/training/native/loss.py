"""The losses of all likelihoods, and their gradients with respect to the parameters before their links.

The densities are GluonTS', with the value's scale and the links; the loss of a point is the absolute error. Those with
elementary functions only are computed in lanes, those with gamma functions one by one.
"""

import math

from forecastle.algorithms.deepar.likelihood import BETA, GAUSSIAN, LEAST, NEGATIVE_BINOMIAL, STUDENT_T
from forecastle.kernels.compiled import inlined, kernel, part
from forecastle.kernels.elementary import LN_2, LOG2_E, exp2, log2, softplus
from forecastle.kernels.lanes import Floats, choose, exceeds, fma, maximum, minimum

Loss = tuple[float, float, float]  # and the gradients of two parameters
LossInLanes = tuple[Floats, Floats, Floats, Floats]  # and the gradients of three parameters
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
) -> LossInLanes:
    """The losses of values, and their gradients with respect to the parameters before their links.

    All arguments but `likelihood`, its number, are vectors of WIDTH windows at one step, and so are the results.

    Parameters
    ----------
    value : the values, unscaled.
    scale, log_scale : the windows' scales and their logarithms.
    first, second, third : the parameters before their links; those that the likelihood lacks are ignored, and their
        gradients are 0.
    """
    if likelihood == STUDENT_T:
        return _student_t(value / scale, log_scale, first, second, third)
    if likelihood == GAUSSIAN:
        return _gaussian(value / scale, log_scale, first, second)
    error = value - first * scale
    nothing = error * 0.0
    sign = choose(exceeds(error, 0.0), -1.0, choose(exceeds(0.0, error), nothing + 1.0, nothing))
    return maximum(error, nothing - error), sign * scale, nothing, nothing


@inlined
def _student_t(value: Floats, log_scale: Floats, mu: Floats, sigma_before: Floats, nu_before: Floats) -> LossInLanes:
    """Student's t of scaled values: vectors of WIDTH windows, and the gradients for μ, σ and ν."""
    sigma, sigma_slope = _positive_in_lanes(sigma_before)
    nu, nu_slope = _positive_in_lanes(nu_before)
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

    By the asymptotic series of x + 4 and the recurrence. Vectors, element by element.
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
    """log(1 + x) for a vector x ≥ 0, as exact for a small x as for a large one."""
    whole = x + 1.0
    return fma(log2(whole), LN_2, (x - (whole - 1.0)) / whole)


@inlined
def _gaussian(value: Floats, log_scale: Floats, mu: Floats, sigma_before: Floats) -> LossInLanes:
    """The normal distribution of scaled values: vectors of WIDTH windows, and the gradients for μ, σ and none."""
    sigma, slope = _positive_in_lanes(sigma_before)
    z = (value - mu) / sigma
    square = z * z
    loss = fma(log2(sigma), LN_2, fma(square, 0.5, log_scale + _HALF_LOG_2PI))
    return loss, 0.0 - z / sigma, (1.0 - square) / sigma * slope, square * 0.0


@inlined
def _positive_in_lanes(x: Floats) -> tuple[Floats, Floats]:
    """`_positive` of a vector, element by element."""
    value = softplus(x)
    slope = 1.0 / (exp2(maximum(minimum(x * -LOG2_E, 100.0), -100.0)) + 1.0)
    return value, choose(exceeds(value, LEAST), slope, 0.0)


@kernel
def loss_of_one(likelihood: int, value: float, scale: float, first: float, second: float) -> Loss:
    """The loss of one value, and its gradients with respect to the two parameters, which are before their links.

    Scalars; `likelihood` is the number of one that is not vectorised, and `value` is unscaled.
    """
    if likelihood == BETA:
        return _beta(value, first, second)
    return _negative_binomial(value, scale, first, second)


@part
def _negative_binomial(value: float, scale: float, mu_before: float, alpha_before: float) -> Loss:
    """The negative binomial distribution of mean μ·scale and dispersion α, and the gradients for both; scalars."""
    mu, mu_slope = _positive(mu_before)
    alpha, alpha_slope = _positive(alpha_before)
    mu *= scale
    product, count = alpha * mu, 1.0 / alpha
    tail = math.log1p(product)
    of_both, both_slope = log_gamma(value + count)
    of_count, count_slope = log_gamma(count)
    density = value * (math.log(product) - tail) - count * tail + of_both - of_count - log_gamma(value + 1.0)[0]
    of_mu = (value / mu - 1.0) / (1.0 + product)
    of_alpha = (value / alpha - mu * count) / (1.0 + product) + count * count * (tail - both_slope + count_slope)
    return -density, -of_mu * scale * mu_slope, -of_alpha * alpha_slope


@part
def _beta(value: float, alpha_before: float, beta_before: float) -> Loss:
    """The beta distribution of α and β, and the gradients for both; scalars, 0 < value < 1."""
    alpha, alpha_slope = _positive(alpha_before)
    beta, beta_slope = _positive(beta_before)
    log_value, log_rest = math.log(value), math.log1p(-value)
    of_both, both_slope = log_gamma(alpha + beta)
    of_alpha, of_alpha_slope = log_gamma(alpha)
    of_beta, of_beta_slope = log_gamma(beta)
    density = (alpha - 1.0) * log_value + (beta - 1.0) * log_rest + of_both - of_alpha - of_beta
    of_alpha = (log_value - of_alpha_slope + both_slope) * alpha_slope
    return -density, -of_alpha, -(log_rest - of_beta_slope + both_slope) * beta_slope


@part
def gradients_of_mean(likelihood: int, gradient: float, first: float, second: float) -> tuple[float, float]:
    """From the gradient of a distribution's mean over the scale to those of its two parameters before their links.

    Scalars; `draw.mean_of` is the mean.
    """
    if likelihood == NEGATIVE_BINOMIAL:
        return gradient * _positive(first)[1], 0.0
    if likelihood == BETA:
        alpha, alpha_slope = _positive(first)
        beta, beta_slope = _positive(second)
        share = gradient / ((alpha + beta) * (alpha + beta))
        return share * beta * alpha_slope, -share * alpha * beta_slope
    return gradient, 0.0


@part
def _positive(x: float) -> tuple[float, float]:
    """log(1 + e^x), at least the least positive parameter, and its derivative, 0 where the least applies; scalars."""
    small = math.exp(-abs(x))
    value = max(x, 0.0) + math.log1p(small)
    if value < LEAST:
        return LEAST, 0.0
    return value, (1.0 if x >= 0 else small) / (1.0 + small)


@kernel
def log_gamma(x: float) -> tuple[float, float]:
    """log Γ(x) for x > 0, and its derivative: Stirling's series after a shift; errors 1e-13 of the largest term.

    Reference: Abramowitz, Stegun, "Handbook of mathematical functions", 6.1.41 and 6.3.18.
    """
    if not x > 0.0:
        return math.nan, math.nan
    product, sum_of_others = 1.0, 0.0  # x·(x + 1)·…, and the sum of its parts, each without one factor
    while x < 8.0:
        sum_of_others = sum_of_others * x + product
        product *= x
        x += 1.0
    inverse, log_x = 1.0 / x, math.log(x)
    square = inverse * inverse
    series = 1.0 / 1188.0 - square * (691.0 / 360360.0 - square / 156.0)
    series = 1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square * series)))
    slope = 1.0 / 132.0 - square * (691.0 / 32760.0 - square / 12.0)
    slope = 1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square * (1.0 / 240.0 - square * slope)))
    value = (x - 0.5) * log_x - x + _HALF_LOG_2PI + series * inverse
    if product != 1.0:
        value -= math.log(product)
    return value, log_x - 0.5 * inverse - slope * square - sum_of_others / product
