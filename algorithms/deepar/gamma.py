"""Gamma and Poisson random numbers, for compiled kernels."""

import math

from algorithms.deepar.philox import Stream, next_uniform
from contract.compiled import kernel

_FEW = 10.0  # events a Poisson number is counted up to


@kernel
def log_gamma(stream: Stream, shape: float) -> float:
    """The logarithm of a gamma number of scale 1: numbers of a small shape are too small themselves.

    Reference: Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000.
    """
    boost = 0.0
    if shape < 1.0:
        boost = math.log(next_uniform(stream)) / shape
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = math.sqrt(-2.0 * math.log(next_uniform(stream))) * math.cos(2.0 * math.pi * next_uniform(stream))
        v = 1.0 + c * x
        if v > 0.0:
            v *= v * v
            u = next_uniform(stream)
            if u < 1.0 - 0.0331 * x**4 or math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
                return math.log(d * v) + boost


@kernel
def poisson(stream: Stream, mean: float) -> float:
    """How many events there are where `mean` are expected."""
    if mean < _FEW:
        count, rest, chance = 0.0, next_uniform(stream), math.exp(-mean)
        while rest > chance and count < 1000.0:
            rest -= chance
            count += 1.0
            chance *= mean / count
        return count
    return _poisson_by_rejection(stream, mean)


@kernel
def _poisson_by_rejection(stream: Stream, mean: float) -> float:
    """Reference: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993: PTRS."""
    log_mean = math.log(mean)
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    surely = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = next_uniform(stream) - 0.5, next_uniform(stream)
        distance = 0.5 - abs(u)
        count = math.floor((2.0 * a / distance + b) * u + mean + 0.43)
        if distance >= 0.07 and v <= surely:
            return count
        if count >= 0.0 and (distance >= 0.013 or v <= distance):
            log_ratio = math.log(v) + log_inverse_alpha - math.log(a / (distance * distance) + b)
            if log_ratio <= count * log_mean - mean - math.lgamma(count + 1.0):
                return count
