"""Draws from the likelihoods: the next value of each path, and more of each step's distribution for mean and quantiles.

A path's next value is one of its step's draws, each of which is distributed as the likelihood says.

Student's t and the normal distribution are drawn by Bailey's polar method, √(ν(u^(−2/ν) − 1))·cos 2πv for uniform u
and v, and its limit, Box and Muller's. Four radii, their u one in each quarter of (0, 1), each at four right angles,
make 16 draws that lie far more evenly than independent ones. Beta and negative-binomial numbers are made from such
normal numbers too, by way of gamma numbers, and from uniform ones that an orthogonal array spreads as evenly.

References: Bailey, "Polar generation of random variates with the t-distribution", Mathematics of Computation 62, 1994;
Owen, "Orthogonal arrays for computer experiments, integration and visualization", Statistica Sinica 2, 1992.
"""

import math

import numpy as np

from forecastle.algorithms.deepar.inference.gamma import Doubles, gammas, log_share, poissons
from forecastle.algorithms.deepar.network import Floats, number_of
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.elementary import LN_2, exp2_less_1, log2, sine_and_cosine, softplus
from forecastle.kernels.lanes import (
    LANES,
    Size,
    bits_of,
    choose,
    floats_of,
    fma,
    load,
    square_root,
    store,
    to_floats,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.philox import Stream, begin_stream, next_uniform, random_lanes
from forecastle.kernels.pointer import memory

DRAWS = 16
_STUDENT_T, _DETERMINISTIC, _BETA = (number_of(likelihood) for likelihood in ("student-T", "deterministic-L1", "beta"))
_RADII = 4
# Where each row of uniform numbers goes on from its start, for the draws of each radius and turn. These two, and three
# sums of their multiples in the field of four elements, are an orthogonal array: any two of the five take on each pair
# of values once.
_RADIUS, _TURN = np.divmod(np.arange(DRAWS), 4)
_SUM, _SUM_2, _SUM_3 = (_TURN ^ np.array(multiple)[_RADIUS] for multiple in ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)))
_PLACES = np.stack([4 * _SUM + _SUM_2, 4 * _SUM + _SUM_3, 4 * _SUM_2 + _SUM, 4 * _SUM_3 + _SUM_2]) / DRAWS
_UNIFORMS = 4  # rows of them
TABLE_ROWS = 2 + _UNIFORMS + 2  # for each draw: normal numbers, uniform ones, and what is made of them
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


@part
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
    table: Doubles,
    scale: float,
    expected: Floats,
    draws: Floats,
) -> None:
    """The same for likelihoods whose draws are made from gamma numbers, of which a few are drawn anew.

    `table`, (`TABLE_ROWS`, draws), is there to be written in.
    """
    normals, uniforms, numbers = table[:2], table[2 : 2 + _UNIFORMS], table[2 + _UNIFORMS :]
    for path in range(lanes):
        first: float = positive(scratch[parameters + path])
        second = positive(scratch[parameters + lanes + path])
        begin_stream(stream, lane + path, step, series)
        picked = _even_numbers(stream, normals, uniforms)
        if likelihood == _BETA:
            expected[step, lane + path] = first / (first + second) * scale
            drawn = _shares(stream, first, second, normals, uniforms, numbers)
            drawn *= scale
        else:
            expected[step, lane + path] = first * scale
            drawn = _counts(stream, first * scale, second, normals, uniforms, numbers)
        drawn[0], drawn[picked] = drawn[picked], drawn[0]  # the path's next value stands first
        for number in range(DRAWS):
            draws[step, number, lane + path] = drawn[number]
        scratch[at + path] = drawn[0] / scale


@part
def _even_numbers(stream: Stream, normals: Doubles, uniforms: Doubles) -> int:
    """Fill `normals`, (2, draws), as radii at right angles, and `uniforms`, (…, draws), and pick one of the draws.

    What belongs to one draw is independent, and so each draw is distributed as it should be, though they hang together:
    a row of uniform numbers are sixteenths apart, in an order of its own.
    """
    uniform, quarter = next_uniform(stream), 0.5 * math.pi * next_uniform(stream)
    cosine, sine = math.cos(quarter), math.sin(quarter)
    for number in range(_RADII):
        radius = math.sqrt(-2.0 * math.log((number + uniform) / _RADII))
        x, y = radius * cosine, radius * sine
        for turn in range(4):
            normals[0, 4 * number + turn], normals[1, 4 * number + turn] = x, y
            x, y = -y, x
    for row in range(_UNIFORMS):
        start = next_uniform(stream)
        for number in range(DRAWS):
            place = start + _PLACES[row, number]
            uniforms[row, number] = place - 1.0 if place >= 1.0 else place
    return int(next_uniform(stream) * DRAWS)


@part
def _shares(
    stream: Stream, first: float, second: float, normals: Doubles, uniforms: Doubles, numbers: Doubles
) -> Doubles:
    """Beta numbers: a gamma number's share in the sum of two."""
    above: Doubles = numbers[0]
    below: Doubles = numbers[1]
    gammas(stream, first + 1.0 if first < 1.0 else first, normals[0], uniforms[0], above)
    gammas(stream, second + 1.0 if second < 1.0 else second, normals[1], uniforms[1], below)
    for number in range(DRAWS):
        ratio = below[number] / above[number]
        if first < 1.0 or second < 1.0:
            log = log_share(second, uniforms[3, number]) - log_share(first, uniforms[2, number])
            ratio = math.exp(log + math.log(ratio))
        above[number] = min(max(1.0 / (1.0 + ratio), _LEAST), 1.0 - _LEAST)
    return above


@part
def _counts(
    stream: Stream, mean: float, dispersion: float, normals: Doubles, uniforms: Doubles, numbers: Doubles
) -> Doubles:
    """Negative-binomial numbers: Poisson numbers, whose means are gamma numbers."""
    means: Doubles = numbers[0]
    counts: Doubles = numbers[1]
    shape = 1.0 / dispersion
    gammas(stream, shape + 1.0 if shape < 1.0 else shape, normals[0], uniforms[0], means)
    for number in range(DRAWS):
        if shape < 1.0:
            means[number] *= math.exp(log_share(shape, uniforms[1, number]))
        means[number] *= dispersion * mean
    poissons(stream, means, uniforms[2], uniforms[3], counts)
    return counts


@part
def positive(raw: float) -> float:
    """The link of a parameter that is positive: softplus, and not quite 0."""
    return max(math.log1p(math.exp(-abs(raw))) + max(raw, 0.0), _LEAST)
