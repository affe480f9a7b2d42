"""Gamma and Poisson random numbers, several at once, for compiled kernels.

They are computed from the caller's normal and uniform numbers: if those are evenly spread, so are these. The few that
are rejected are replaced with the stream's next numbers, so that each has the right distribution.
"""

import math

import numpy as np
from numpy.typing import NDArray

from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.philox import Stream, next_uniform

Doubles = NDArray[np.float64]

_FEW = 10.0  # mean below which a Poisson number is counted event by event
_SURE = 1e15  # mean above which the spread is below the precision of float32


@kernel
def gammas(stream: Stream, shape: float, normals: Doubles, uniforms: Doubles, numbers: Doubles) -> None:
    """Fill `numbers`, (n,), with gamma numbers of scale 1 and a `shape` of at least 1, increasing with `normals`, (n,).

    stream : (11,), see `philox`. uniforms : (n,), in (0, 1).

    Reference: Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000.
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for index in range(len(numbers)):  # without a branch, so that LLVM vectorises it
        v, square = 1.0 + c * normals[index], normals[index] * normals[index]
        passes = v > 0.0 and uniforms[index] < 1.0 - 0.0331 * square * square
        numbers[index] = d * v * v * v if passes else -1.0
    for index in range(len(numbers)):
        if numbers[index] < 0.0:
            numbers[index] = _with_rejection(stream, d, c, normals[index], uniforms[index])


@part
def _with_rejection(stream: Stream, d: float, c: float, normal: float, uniform: float) -> float:
    """A gamma number, from the numbers of `stream`, (11,), until one is accepted; `d` and `c` as in `gammas`."""
    while True:
        v = 1.0 + c * normal
        if v > 0.0:
            v *= v * v
            if math.log(uniform) < 0.5 * normal * normal + d * (1.0 - v + math.log(v)):
                return d * v
        normal = math.sqrt(-2.0 * math.log(next_uniform(stream))) * math.cos(2.0 * math.pi * next_uniform(stream))
        uniform = next_uniform(stream)


@kernel
def log_share(shape: float, uniform: float) -> float:
    """The logarithm of the factor that turns a gamma number of `shape` + 1 into one of a `shape` below 1; else 0.

    A logarithm, as numbers of a small shape are below the smallest float64. Reference: as for `gammas`.
    """
    return math.log(uniform) / shape if shape < 1.0 else 0.0


@kernel
def poissons(stream: Stream, means: Doubles, uniforms: Doubles, others: Doubles, counts: Doubles) -> None:
    """Fill `counts`, (n,), with Poisson numbers of these `means`, (n,); they increase with `uniforms`, (n,).

    stream : (11,), see `philox`. others : (n,), further uniform numbers, in (0, 1).

    Reference: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993: PTRS.
    """
    for index in range(len(counts)):  # without a branch, so that LLVM vectorises it
        mean, u = means[index], uniforms[index] - 0.5
        b = 0.931 + 2.53 * math.sqrt(mean)
        distance = 0.5 - abs(u)
        count = math.floor((2.0 * (0.02483 * b - 0.059) / distance + b) * u + mean + 0.43)
        passes = _FEW <= mean < _SURE and distance >= 0.07 and others[index] <= 0.9277 - 3.6224 / (b - 2.0)
        counts[index] = count if passes else -1.0
    for index in range(len(counts)):
        if counts[index] < 0.0:
            if means[index] < _FEW:
                counts[index] = _counted(means[index], uniforms[index])
            elif not means[index] < _SURE:
                counts[index] = np.floor(means[index])
            else:
                counts[index] = _by_rejection(stream, means[index], uniforms[index], others[index])


@part
def _counted(mean: float, uniform: float) -> float:
    """A Poisson number of a small mean, by inversion: the sum of probabilities up to `uniform`."""
    count, rest, chance = 0.0, uniform, math.exp(-mean)
    while rest > chance and count < 1000.0:
        rest -= chance
        count += 1.0
        chance *= mean / count
    return count


@part
def _by_rejection(stream: Stream, mean: float, uniform: float, other: float) -> float:
    """A Poisson number by PTRS, from the numbers of `stream`, (11,), until one is accepted."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = 0.02483 * b - 0.059
    while True:
        u = uniform - 0.5
        distance = 0.5 - abs(u)
        count = math.floor((2.0 * a / distance + b) * u + mean + 0.43)
        if count >= 0.0 and (distance >= 0.013 or other <= distance):
            inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
            log_ratio = math.log(other * inverse_alpha / (a / (distance * distance) + b))
            if log_ratio <= count * math.log(mean) - mean - math.lgamma(count + 1.0):
                return count
        uniform, other = next_uniform(stream), next_uniform(stream)
