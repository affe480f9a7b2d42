"""Draws from the likelihoods: the next value of each path, and further draws for mean and quantiles.

A path's next value is one of its step's draws, each of which has the likelihood's distribution.

Student's t and the normal distribution are drawn by Bailey's polar method, √(ν(u^(−2/ν) − 1))·cos 2πv for uniform u
and v, and its limit, Box and Muller's. Four radii, their u one in each quarter of (0, 1), each at four right angles,
give 16 draws that are spread far more evenly than independent ones. Beta and negative-binomial numbers are computed
from such normal numbers, through gamma numbers, and from uniform ones that an orthogonal array spreads as evenly.

References: Bailey, "Polar generation of random variates with the t-distribution", Mathematics of Computation 62, 1994;
Owen, "Orthogonal arrays for computer experiments, integration and visualization", Statistica Sinica 2, 1992.
"""

import math
from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.gamma import Doubles, gammas, log_share, poissons
from forecastle.algorithms.deepar.likelihood import (
    BETA,
    DETERMINISTIC_L1,
    LEAST,
    NEGATIVE_BINOMIAL,
    STUDENT_T,
    Likelihood,
)
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
_RADII = 4
# The offset of each row of uniform numbers from its start, for the draws of each radius and turn. These two, and three
# sums of their multiples in the field of four elements, are an orthogonal array: any two of the five have each pair of
# values once.
_RADIUS, _TURN = np.divmod(np.arange(DRAWS), 4)
_SUM, _SUM_2, _SUM_3 = (_TURN ^ np.array(multiple)[_RADIUS] for multiple in ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)))
_PLACES = np.stack([4 * _SUM + _SUM_2, 4 * _SUM + _SUM_3, 4 * _SUM_2 + _SUM, 4 * _SUM_3 + _SUM_2]) / DRAWS
_UNIFORMS = 4  # rows of them
TABLE_ROWS = 2 + _UNIFORMS + 2  # for each draw: normal numbers, uniform ones, and two computed from them


def draws_of(likelihood: Likelihood) -> int:
    """The number of draws at each step of a path."""
    return 1 if likelihood.point else DRAWS


class Randomness(NamedTuple):
    """What the random numbers of a series depend on, in addition to path and step."""

    key: np.uint64
    series: int  # its position in its request


class Sampled(NamedTuple):
    """The output of the paths, in the series' unit, for T steps; a lane is a path."""

    paths: Floats  # (T, lanes): the paths themselves; (0, lanes) if they are not requested
    expected: Floats  # (T, lanes): the mean of each step's conditional distribution
    draws: Floats  # (T, draws, lanes): draws from it; one for a point likelihood


class Source(NamedTuple):
    """The random numbers of a series for likelihoods that are not vectorised, and scratch memory."""

    stream: Stream  # with the key
    series: int  # its position in its request
    table: Doubles  # (`TABLE_ROWS`, draws)


class Place(NamedTuple):
    """Where draws are read and written: offsets in the scratch memory, the first path, and the step."""

    parameters: int  # of the rows of the likelihood's parameters, before their links
    value: int  # of the row of the next value, over the scale
    lane: int
    step: int


@inlined
def draw_in_lanes(
    likelihood: int, work: Floats, place: Place, random: Randomness, scale: float, out: Sampled, size: Size
) -> None:
    """Draw for the paths from `place.lane` on, and write the draws to `out` and the next value to `work`.

    work : the scratch memory, a pointer, see `paths.Scratch`. scale : of the series.
    """
    lanes, paths, draws = len(size) * LANES, out.expected.shape[1], memory(out.draws)
    location = load(work, place.parameters, size)
    store(memory(out.expected), place.step * paths + place.lane, location * scale)
    drawn = place.step * out.draws.shape[1] * paths + place.lane
    if likelihood == DETERMINISTIC_L1:
        store(work, place.value, location)
        store(draws, drawn, location * scale)
        return
    freedom = location
    if likelihood == STUDENT_T:
        freedom = softplus(load(work, place.parameters + 2 * lanes, size)) + 2.0
    sigma = softplus(load(work, place.parameters + lanes, size))
    radius_bits, angle_bits, pick, _ = random_lanes(place.lane, place.step, random.series, random.key, size)
    uniform = fma(to_floats(radius_bits >> 1), 2.0**-33, 2.0**-34)  # in (0, 1/4]
    sine, cosine = sine_and_cosine(to_floats(angle_bits) * 2.0**-32)
    chosen = sigma
    for number in range(_RADII):
        radius = _radius(likelihood, log2(uniform + number / _RADII), freedom) * sigma
        chosen = choose((pick & 3) ^ number, chosen, radius)
        across, along = radius * sine, radius * cosine
        store(draws, drawn, (location + across) * scale)
        store(draws, drawn + paths, (location - across) * scale)
        store(draws, drawn + 2 * paths, (location + along) * scale)
        store(draws, drawn + 3 * paths, (location - along) * scale)
        drawn += 4 * paths
    axis = choose(pick & 4, sine, cosine)
    axis = floats_of(bits_of(axis) ^ ((pick & 8) << 28))  # its sign
    store(work, place.value, fma(chosen, axis, location))


@inlined
def _radius(likelihood: int, log: Lanes, freedom: Lanes) -> Lanes:
    """The radius of the polar method, from log₂ of a uniform number; `freedom` is ν of Student's t."""
    if likelihood == STUDENT_T:
        return square_root(freedom * exp2_less_1(log * -2.0 / freedom))
    return square_root(log * (-2.0 * LN_2))


@part
def draw_one_by_one(
    likelihood: int,
    scratch: Floats,
    place: Place,
    lanes: int,
    source: Source,
    scale: float,
    out: Sampled,
) -> None:
    """The same as `draw_in_lanes` for `lanes` paths of likelihoods that are not vectorised.

    Their draws are computed from gamma numbers.
    scratch : the scratch memory, flat, see `paths.Scratch`.
    """
    stream, table = source.stream, source.table
    normals, uniforms, numbers = table[:2], table[2 : 2 + _UNIFORMS], table[2 + _UNIFORMS :]
    lane, step = place.lane, place.step
    for path in range(lanes):
        first: float = _positive(scratch[place.parameters + path])
        second = _positive(scratch[place.parameters + lanes + path])
        begin_stream(stream, lane + path, step, source.series)
        picked = _even_numbers(stream, normals, uniforms)
        if likelihood == BETA:
            out.expected[step, lane + path] = first / (first + second) * scale
            drawn = _shares(stream, first, second, normals, uniforms, numbers)
            drawn *= scale
        else:
            out.expected[step, lane + path] = first * scale
            drawn = _counts(stream, first * scale, second, normals, uniforms, numbers)
        drawn[0], drawn[picked] = drawn[picked], drawn[0]  # the path's next value is the first one
        for number in range(DRAWS):
            out.draws[step, number, lane + path] = drawn[number]
        scratch[place.value + path] = drawn[0] / scale


@part
def _even_numbers(stream: Stream, normals: Doubles, uniforms: Doubles) -> int:
    """Fill `normals`, (2, draws), with radii at right angles, and `uniforms`, (4, draws), from `stream`, (11,).

    The numbers of one draw are independent, so each draw has the right distribution. Different draws are dependent: the
    numbers in a row of `uniforms` are sixteenths apart, in a different order in each row.
    → the number of a random draw.
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
    """Beta numbers, (draws,): a gamma number's share in the sum of two.

    first, second : alpha and beta. stream : (11,). normals : (2, draws). uniforms : (4, draws). numbers : (2, draws),
    scratch memory.
    """
    above: Doubles = numbers[0]
    below: Doubles = numbers[1]
    gammas(stream, first + 1.0 if first < 1.0 else first, normals[0], uniforms[0], above)
    gammas(stream, second + 1.0 if second < 1.0 else second, normals[1], uniforms[1], below)
    for number in range(DRAWS):
        ratio = below[number] / above[number]
        if first < 1.0 or second < 1.0:
            log = log_share(second, uniforms[3, number]) - log_share(first, uniforms[2, number])
            ratio = math.exp(log + math.log(ratio))
        above[number] = min(max(1.0 / (1.0 + ratio), LEAST), 1.0 - LEAST)
    return above


@part
def _counts(
    stream: Stream, mean: float, dispersion: float, normals: Doubles, uniforms: Doubles, numbers: Doubles
) -> Doubles:
    """Negative-binomial numbers, (draws,): Poisson numbers whose means are gamma numbers.

    stream : (11,). normals : (2, draws). uniforms : (4, draws). numbers : (2, draws), scratch memory.
    """
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
def mean_of(likelihood: int, first: float, second: float) -> float:
    """The mean of the distribution with these first two parameters, before their links; over the scale."""
    if likelihood == BETA:
        return _positive(first) / (_positive(first) + _positive(second))
    return _positive(first) if likelihood == NEGATIVE_BINOMIAL else first


@part
def _positive(raw: float) -> float:
    """softplus(raw), but at least `LEAST`: the link of positive parameters."""
    return max(math.log1p(math.exp(-abs(raw))) + max(raw, 0.0), LEAST)
