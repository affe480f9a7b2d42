"""Draws from the likelihoods: the next value of each path, and more of each step's distribution for mean and quantiles.

A path's next value is one of its step's draws, each of which is distributed as the likelihood says.

Student's t and the normal distribution are drawn by Bailey's polar method, √(ν(u^(−2/ν) − 1))·cos 2πv for uniform u
and v, and its limit, Box and Muller's. Four radii, their u one in each quarter of (0, 1), each at four right angles,
make 16 draws that lie far more evenly than independent ones.

Reference: Bailey, "Polar generation of random variates with the t-distribution", Mathematics of Computation 62, 1994.
"""

import math

import numpy as np

from algorithms.deepar.elementary import LN_2, exp2_less_1, log2, sine_and_cosine, softplus
from algorithms.deepar.gamma import log_gamma, poisson
from algorithms.deepar.network import PARAMETERS, Floats
from algorithms.deepar.philox import Stream, begin_stream, random_lanes
from algorithms.lanes import LANES, Size, bits_of, choose, floats_of, fma, load, square_root, store, to_floats
from algorithms.lanes import Floats as Lanes
from algorithms.simd import memory
from contract.compiled import inlined, kernel

DRAWS = 16
_STUDENT_T, _DETERMINISTIC, _BETA = (
    list(PARAMETERS).index(likelihood) for likelihood in ("student-T", "deterministic-L1", "beta")
)
_RADII = 4
_LEAST = float(np.finfo(np.float32).eps)  # GluonTS' least positive parameter


def draws_of(likelihood: str) -> int:
    """How many draws are made at each step of a path."""
    return 1 if likelihood == "deterministic-L1" else DRAWS


@inlined
def draw_in_lanes(
    likelihood: int,
    work: Floats,
    parameters: int,
    at: int,
    lane: int,
    step: int,
    series: int,
    key: np.uint64,
    scale: float,
    expected: Floats,
    draws: Floats,
    size: Size,
) -> None:
    """Draw for the paths from `lane` on.

    Their parameters, before their links, stand in `work`; their next values, over the scale, go to its place `at`.
    """
    lanes, paths, out = len(size) * LANES, expected.shape[1], memory(draws)
    location = load(work, parameters, size)
    store(memory(expected), step * paths + lane, location * scale)
    drawn = step * draws.shape[1] * paths + lane
    if likelihood == _DETERMINISTIC:
        store(work, at, location)
        store(out, drawn, location * scale)
        return
    freedom = location
    if likelihood == _STUDENT_T:
        freedom = softplus(load(work, parameters + 2 * lanes, size)) + 2.0
    sigma = softplus(load(work, parameters + lanes, size))
    radius_bits, angle_bits, pick, _ = random_lanes(lane, step, series, key, size)
    uniform = fma(to_floats(radius_bits >> 1), 2.0**-33, 2.0**-34)  # in (0, 1/4]
    sine, cosine = sine_and_cosine(to_floats(angle_bits) * 2.0**-32)
    chosen = sigma
    for number in range(_RADII):
        radius = _radius(likelihood, log2(uniform + number / _RADII), freedom) * sigma
        chosen = choose((pick & 3) ^ number, chosen, radius)
        across, along = radius * sine, radius * cosine
        store(out, drawn, (location + across) * scale)
        store(out, drawn + paths, (location - across) * scale)
        store(out, drawn + 2 * paths, (location + along) * scale)
        store(out, drawn + 3 * paths, (location - along) * scale)
        drawn += 4 * paths
    axis = choose(pick & 4, sine, cosine)
    axis = floats_of(bits_of(axis) ^ ((pick & 8) << 28))  # its sign
    store(work, at, fma(chosen, axis, location))


@inlined
def _radius(likelihood: int, log: Lanes, freedom: Lanes) -> Lanes:
    if likelihood == _STUDENT_T:
        return square_root(freedom * exp2_less_1(log * -2.0 / freedom))
    return square_root(log * (-2.0 * LN_2))


@kernel
def draw_one_by_one(
    likelihood: int,
    scratch: Floats,
    parameters: int,
    at: int,
    lane: int,
    lanes: int,
    step: int,
    series: int,
    stream: Stream,
    scale: float,
    expected: Floats,
    draws: Floats,
) -> None:
    """The same for likelihoods whose draws take a path as many random numbers as they need."""
    for path in range(lanes):
        first: float = _positive(scratch[parameters + path])
        second = _positive(scratch[parameters + lanes + path])
        begin_stream(stream, lane + path, step, series)
        mean = first / (first + second) if likelihood == _BETA else first * scale
        expected[step, lane + path] = mean * scale if likelihood == _BETA else mean
        for number in range(draws.shape[1]):
            if likelihood == _BETA:
                difference = log_gamma(stream, second) - log_gamma(stream, first)
                value = min(max(1.0 / (1.0 + math.exp(difference)), _LEAST), 1.0 - _LEAST) * scale
            else:
                value = poisson(stream, math.exp(log_gamma(stream, 1.0 / second)) * second * mean)
            draws[step, number, lane + path] = value
        scratch[at + path] = draws[step, 0, lane + path] / scale


@kernel
def _positive(raw: float) -> float:
    return max(math.log1p(math.exp(-abs(raw))) + max(raw, 0.0), _LEAST)
