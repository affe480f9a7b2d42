"""Draws from the likelihoods: the next value of each path, and further draws for mean and quantiles.

A path's next value is one of its step's draws, each of which has the likelihood's distribution: that of a random rank.
The random numbers of different paths are points of a lattice, see `lattice`.

Student's t and the normal distribution are drawn by Bailey's polar method, √(ν(u^(−2/ν) − 1))·cos 2πv for uniform u
and v, and its limit, Box and Muller's. Four radii, their u one in each quarter of (0, 1) and mirrored in every second,
each at four right angles, give 16 draws that are spread far more evenly than independent ones. Beta and
negative-binomial numbers are computed from such normal numbers, through gamma numbers, and from uniform ones that an
orthogonal array spreads as evenly.

References: Bailey, "Polar generation of random variates with the t-distribution", Mathematics of Computation 62, 1994;
Owen, "Orthogonal arrays for computer experiments, integration and visualization", Statistica Sinica 2, 1992.
"""

import math
from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.gamma import Doubles, gammas, log_share, poissons
from forecastle.algorithms.deepar.inference.lattice import ANGLE, PICK, RADIUS, STARTS, Words
from forecastle.algorithms.deepar.likelihood import (
    BETA,
    DETERMINISTIC_L1,
    LEAST,
    NEGATIVE_BINOMIAL,
    ONE_BY_ONE,
    STUDENT_T,
    Likelihood,
)
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.elementary import LN_2, exp2_less_1, log2, sine_and_cosine, softplus
from forecastle.kernels.lanes import (
    LANES,
    Bits,
    Size,
    absolute,
    bits_of,
    choose,
    floats_of,
    fma,
    load,
    maximum,
    minimum,
    square_root,
    store,
    to_floats,
)
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.philox import Stream, begin_stream
from forecastle.kernels.pointer import memory

DRAWS = 16
_RADII = 4
Quartet = tuple[Lanes, Lanes, Lanes, Lanes]  # one number for each radius
# The offset of each row of uniform numbers from its start, for the draws of each radius and turn. These two, and three
# sums of their multiples in the field of four elements, are an orthogonal array: any two of the five have each pair of
# values once.
_RADIUS, _TURN = np.divmod(np.arange(DRAWS), 4)
_SUM, _SUM_2, _SUM_3 = (_TURN ^ np.array(multiple)[_RADIUS] for multiple in ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)))
_PLACES = np.stack([4 * _SUM + _SUM_2, 4 * _SUM + _SUM_3, 4 * _SUM_2 + _SUM, 4 * _SUM_3 + _SUM_2]) / DRAWS
_UNIFORMS = 4  # rows of them
TABLE_ROWS = 2 + _UNIFORMS + 2  # for each draw: normal numbers, uniform ones, and two computed from them


@inlined
def words_of(likelihood: int) -> int:
    """The number of random words of a path at each step, by the likelihood's number in kernels."""
    return STARTS + (_UNIFORMS if likelihood in ONE_BY_ONE else 0)


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
    """Where draws are read and written: offsets in the scratch memory, the paths, and the step."""

    parameters: int  # of the rows of the likelihood's parameters
    value: int  # of the row of the next value, over the scale
    lane: int  # the first path
    number: int  # of that path in its group
    step: int


@inlined
def draw_in_lanes(
    likelihood: int, work: Floats, place: Place, words: Words, scale: float, out: Sampled, size: Size
) -> None:
    """Draw for the paths from `place.lane` on, and write the draws to `out` and the next value to `work`.

    work : the scratch memory, a pointer, see `paths.Scratch`. words : of the group's paths, see `lattice.deal`.
    scale : of the series.
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
    given, count = memory(words.view(np.float32)), words.shape[1]
    pick = bits_of(load(given, PICK * count + place.number, size))
    radius_bits = bits_of(load(given, RADIUS * count + place.number, size))
    angle_bits = bits_of(load(given, ANGLE * count + place.number, size))
    uniform = fma(to_floats(radius_bits >> 1), 2.0**-33, 2.0**-34)  # in (0, 1/4]
    sine, cosine = sine_and_cosine(to_floats(angle_bits) * 2.0**-32)
    radius_0 = _radius(likelihood, log2(uniform), freedom) * sigma
    radius_1 = _radius(likelihood, log2(0.5 - uniform), freedom) * sigma
    radius_2 = _radius(likelihood, log2(uniform + 0.5), freedom) * sigma
    radius_3 = _radius(likelihood, log2(1.0 - uniform), freedom) * sigma
    across = radius_0 * sine, radius_1 * sine, radius_2 * sine, radius_3 * sine
    along = radius_0 * cosine, radius_1 * cosine, radius_2 * cosine, radius_3 * cosine
    _store_both(draws, drawn, paths, location, across, scale)
    _store_both(draws, drawn + 8 * paths, paths, location, along, scale)
    # The draws' ranks are symmetric about the location: of 16, the 7 lowest are those of the largest distances.
    above = (pick >> 3) & 1
    distance = _ranked(along, across, pick ^ (above * 7))
    store(work, place.value, location + floats_of(bits_of(distance) ^ ((above ^ 1) << 31)))


@inlined
def _store_both(draws: Floats, at: int, paths: int, location: Lanes, distances: Quartet, scale: float) -> None:
    """Write the draws at these distances on both sides of the location to eight rows of `draws`, a pointer."""
    first, second, third, fourth = distances
    store(draws, at, (location + first) * scale)
    store(draws, at + paths, (location - first) * scale)
    store(draws, at + 2 * paths, (location + second) * scale)
    store(draws, at + 3 * paths, (location - second) * scale)
    store(draws, at + 4 * paths, (location + third) * scale)
    store(draws, at + 5 * paths, (location - third) * scale)
    store(draws, at + 6 * paths, (location + fourth) * scale)
    store(draws, at + 7 * paths, (location - fourth) * scale)


@inlined
def _ranked(along: Quartet, across: Quartet, rank: Bits) -> Lanes:
    """The one of eight distances with a `rank`, from the largest; `along` and |`across`| are in descending order.

    Each step of a bitonic merge, of which only the half is kept that contains the rank.
    """
    far = rank & 4, rank & 2, rank & 1
    a, b, c, d = along
    w, x, y, z = absolute(across[3]), absolute(across[2]), absolute(across[1]), absolute(across[0])
    a, b = choose(far[0], minimum(a, w), maximum(a, w)), choose(far[0], minimum(b, x), maximum(b, x))
    c, d = choose(far[0], minimum(c, y), maximum(c, y)), choose(far[0], minimum(d, z), maximum(d, z))
    a, b = choose(far[1], minimum(a, c), maximum(a, c)), choose(far[1], minimum(b, d), maximum(b, d))
    return choose(far[2], minimum(a, b), maximum(a, b))


@inlined
def _radius(likelihood: int, log: Lanes, freedom: Lanes) -> Lanes:
    """The radius of the polar method, from log₂ of a uniform number; `freedom` is ν of Student's t."""
    if likelihood == STUDENT_T:
        return square_root(freedom * exp2_less_1(log * -2.0 / freedom))
    return square_root(log * (-2.0 * LN_2))


@part
def link(likelihood: int, scratch: Floats, parameters: int, lanes: int, means: Floats) -> None:
    """Apply the links to the parameters of `lanes` paths, of likelihoods that are not vectorised.

    scratch : the scratch memory, flat, whose rows from `parameters` on are changed. means : (at least lanes,), written:
    the distributions' means, over the scale.
    """
    for path in range(parameters, parameters + lanes):
        first, second = _positive(scratch[path]), _positive(scratch[path + lanes])
        scratch[path], scratch[path + lanes] = first, second
        means[path - parameters] = first / (first + second) if likelihood == BETA else first


@part
def draw_one_by_one(
    likelihood: int,
    scratch: Floats,
    place: Place,
    lanes: int,
    source: Source,
    words: Words,
    scale: float,
    out: Sampled,
) -> None:
    """The same as `draw_in_lanes` for `lanes` paths of likelihoods that are not vectorised.

    Their draws are computed from gamma numbers.
    scratch : the scratch memory, flat, see `paths.Scratch`; `link` has been called.
    """
    stream, table = source.stream, source.table
    normals, uniforms, numbers = table[:2], table[2 : 2 + _UNIFORMS], table[2 + _UNIFORMS :]
    lane, step = place.lane, place.step
    for path in range(lanes):
        first, second = float(scratch[place.parameters + path]), float(scratch[place.parameters + lanes + path])
        begin_stream(stream, lane + path, step, source.series)
        _even_numbers(words, place.number + path, normals, uniforms)
        if likelihood == BETA:
            out.expected[step, lane + path] = first / (first + second) * scale
            drawn = _shares(stream, first, second, normals, uniforms, numbers)
            drawn *= scale
        else:
            out.expected[step, lane + path] = first * scale
            drawn = _counts(stream, first * scale, second, normals, uniforms, numbers)
        picked = _number_of(drawn, int(words[PICK, place.number + path]))
        drawn[0], drawn[picked] = drawn[picked], drawn[0]  # the path's next value is the first one
        for number in range(DRAWS):
            out.draws[step, number, lane + path] = drawn[number]
        scratch[place.value + path] = drawn[0] / scale


@part
def _number_of(drawn: Doubles, rank: int) -> int:
    """The number of the draw with a rank, from the lowest, in `drawn`, (draws,)."""
    for number in range(DRAWS):
        value, below, up_to = drawn[number], 0, 0
        for other in range(DRAWS):  # without a branch, so that LLVM vectorises it
            below += drawn[other] < value
            up_to += drawn[other] <= value
        if below <= rank < up_to:
            return number
    return 0


@part
def _even_numbers(words: Words, path: int, normals: Doubles, uniforms: Doubles) -> None:
    """Fill `normals`, (2, draws), with radii at right angles, and `uniforms`, (4, draws), with numbers in (0, 1).

    The numbers of one draw are independent, so each draw has the right distribution. Different draws are dependent: the
    numbers in a row of `uniforms` are sixteenths apart, in a different order in each row.
    words : of the group's paths, see `lattice.deal`. path : the number in its group.
    """
    uniform, quarter = _uniform(words[RADIUS, path]), 0.5 * math.pi * _uniform(words[ANGLE, path])
    cosine, sine = math.cos(quarter), math.sin(quarter)
    for number in range(_RADII):
        place = 1.0 - uniform if number % 2 else uniform
        radius = math.sqrt(-2.0 * math.log((number + place) / _RADII))
        x, y = radius * cosine, radius * sine
        for turn in range(4):
            normals[0, 4 * number + turn], normals[1, 4 * number + turn] = x, y
            x, y = -y, x
    for row in range(_UNIFORMS):
        start = _uniform(words[STARTS + row, path])
        for number in range(DRAWS):
            place = start + _PLACES[row, number]
            uniforms[row, number] = place - 1.0 if place >= 1.0 else place


@inlined
def _uniform(word: np.uint32) -> float:
    """The number in (0, 1) of a random word: an odd multiple of 2⁻³³."""
    return (float(word) + 0.5) * 2.0**-32


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
