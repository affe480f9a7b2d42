"""What a value costs under the likelihoods with gamma functions in them, and the gradients of their parameters.

The densities are GluonTS', the value's own scale and the links included.
"""

import math

from forecastle.algorithms.deepar.likelihood import BETA, LEAST
from forecastle.kernels.compiled import kernel, part

Loss = tuple[float, float, float]
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@kernel
def loss_of_one(likelihood: int, value: float, scale: float, first: float, second: float) -> Loss:
    """The loss of a value, and its gradients after the two parameters, which stand before their links."""
    if likelihood == BETA:
        return _beta(value, first, second)
    return _negative_binomial(value, scale, first, second)


@part
def _negative_binomial(value: float, scale: float, mu_before: float, alpha_before: float) -> Loss:
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
def _positive(x: float) -> tuple[float, float]:
    """log(1 + e^x), and its slope; at least the least positive parameter, where it has none."""
    small = math.exp(-abs(x))
    value = max(x, 0.0) + math.log1p(small)
    if value < LEAST:
        return LEAST, 0.0
    return value, (1.0 if x >= 0 else small) / (1.0 + small)


@kernel
def log_gamma(x: float) -> tuple[float, float]:
    """log Γ(x) for x > 0, and its derivative: Stirling's series behind a shift; errors 1e-13 of the largest term.

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
