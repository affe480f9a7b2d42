"""Sample paths: groups of paths of one series, which run through all steps of the forecast together; lanes are paths.

A group consists of blocks: of three vectors, which fill a core's registers, and then of two. In all kernels, `net` and
`encoded` are the network and the encoded context, `work` is a pointer to the scratch memory of a block with its offsets
`at`, `gates` one to that of a layer's gates, 4·H rows, which all blocks share, `lanes` the number of paths in a block,
and `size` its number of vectors.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.draw import (
    DRAWS,
    TABLE_ROWS,
    Place,
    Randomness,
    Sampled,
    Source,
    draw_in_lanes,
    draw_one_by_one,
    link,
    words_of,
)
from forecastle.algorithms.deepar.inference.encoder import Encoded
from forecastle.algorithms.deepar.inference.lattice import Group, Words, deal
from forecastle.algorithms.deepar.inference.weights import Weights
from forecastle.algorithms.deepar.likelihood import DETERMINISTIC_L1, MOST_PARAMETERS, ONE_BY_ONE
from forecastle.algorithms.deepar.lstm import Sums, new_output, new_state, products
from forecastle.kernels.compiled import inlined, kernel, part
from forecastle.kernels.lanes import LANES, SIZES, Size, fma, load, spread, store
from forecastle.kernels.philox import new_stream
from forecastle.kernels.pointer import memory

_THREE, _TWO = SIZES[3], SIZES[2]


def scratch_size(net: Weights, steps: int, vectors: int) -> int:
    """The number of floats of the scratch memory of `run_paths`, for groups of `vectors`."""
    return ((3 * net.cells * net.layers + steps + MOST_PARAMETERS) * vectors + 4 * net.cells * len(_THREE)) * LANES


class Scratch(NamedTuple):
    """Offsets in the scratch memory of a block, which consists of rows of `lanes` floats.

    It contains, in this order: c of all layers; h of the first layer, inputs and h of each other layer; the last
    output; the path; the likelihood's parameters.
    """

    output: int  # H rows
    path: int  # T rows, over the scale
    parameters: int  # MOST_PARAMETERS rows, before their links in lanes, after them one by one


class Part(NamedTuple):
    """The paths [first, stop) of a group, and their scratch memory: blocks of one size, one after the other."""

    first: int
    stop: int
    scratch: Floats
    gates: Floats


@kernel
def run_paths(
    net: Weights, encoded: Encoded, scale: float, random: Randomness, group: Group, scratch: Floats, out: Sampled
) -> None:
    """Run the paths of a group.

    Parameters
    ----------
    net : the network.
    encoded : the series' encoded context.
    scale : of the series.
    scratch : (`scratch_size`,).
    out : written, the lanes of the group.
    """
    steps, paths, begin = len(out.expected), group.vectors * LANES, group.first * LANES
    split = (group.vectors - 2 * (-group.vectors % 3)) // 3 * 3 * LANES
    rows = 3 * net.cells * net.layers + steps + MOST_PARAMETERS
    gates, cut = scratch[rows * paths :], rows * split
    threes, twos = Part(0, split, scratch[:cut], gates), Part(split, paths, scratch[cut : rows * paths], gates)
    keys, ranks = np.empty(paths, np.float32), np.empty(paths, np.uint32)
    words = np.empty((words_of(net.likelihood), paths), np.uint32)
    stream, lags = new_stream(random.key), memory(net.lags)
    source = Source(stream, random.series, np.empty((TABLE_ROWS, DRAWS)))
    _begin(net, encoded, threes, steps, _THREE)
    _begin(net, encoded, twos, steps, _TWO)
    sampled = 0
    for step in range(steps):
        while sampled < len(net.lags) and lags[sampled] <= step:
            sampled += 1
        _advance(net, encoded, sampled, step, steps, threes, keys, _THREE)
        _advance(net, encoded, sampled, step, steps, twos, keys, _TWO)
        if net.likelihood != DETERMINISTIC_L1:
            deal(keys, group.places, stream, step, random.series, ranks, words)
        _draw(net, begin, step, steps, threes, source, words, scale, out, _THREE)
        _draw(net, begin, step, steps, twos, source, words, scale, out, _TWO)


@inlined
def _offsets(net: Weights, steps: int, lanes: int) -> Scratch:
    output = _inputs(net, net.layers, lanes)
    path = output + net.cells * lanes
    return Scratch(output, path, path + steps * lanes)


@inlined
def _block(paths: Part, first: int, lanes: int) -> Floats:
    """The scratch memory of the block of `lanes` paths from `first` on."""
    each = len(paths.scratch) // (paths.stop - paths.first) * lanes
    start = (first - paths.first) // lanes * each
    block: Floats = paths.scratch[start : start + each]
    return block


@part
def _begin(net: Weights, encoded: Encoded, paths: Part, steps: int, size: Size) -> None:
    """Begin every path with the state after the context."""
    lanes = len(size) * LANES
    at = _offsets(net, steps, lanes)
    for first in range(paths.first, paths.stop, lanes):
        work = memory(_block(paths, first, lanes))
        for unit in range(net.cells):
            store(work, at.output + unit * lanes, spread(encoded.output[unit], size))
        for layer in range(net.layers):
            hidden = _hidden(net, layer, lanes)
            for unit in range(net.cells):
                store(work, hidden + unit * lanes, spread(encoded.states[layer, 0, unit], size))
                store(work, (layer * net.cells + unit) * lanes, spread(encoded.states[layer, 1, unit], size))


@part
def _advance(
    net: Weights, encoded: Encoded, sampled: int, step: int, steps: int, paths: Part, keys: Floats, size: Size
) -> None:
    """Run the network at a step, up to the likelihood's parameters.

    keys : (group's paths,), written: the mean that each path expects, over the scale.
    """
    lanes = len(size) * LANES
    at, gates = _offsets(net, steps, lanes), memory(paths.gates)
    for first in range(paths.first, paths.stop, lanes):
        block = _block(paths, first, lanes)
        work = memory(block)
        for layer in range(net.layers if step > 0 else 0):
            if layer == 0:
                _sum_first_layer(net, encoded, sampled, work, at, gates, step, lanes, size)
            else:
                _sum_later_layer(net, layer, work, gates, lanes, size)
            _activate(net, layer, work, gates, lanes, size)
        _project(net, work, at, lanes, size)
        if net.likelihood in ONE_BY_ONE:
            link(net.likelihood, block, at.parameters, lanes, keys[first:])
        else:
            store(memory(keys), first, load(work, at.parameters, size))


@part
def _draw(
    net: Weights,
    begin: int,
    step: int,
    steps: int,
    paths: Part,
    source: Source,
    words: Words,
    scale: float,
    out: Sampled,
    size: Size,
) -> None:
    """Draw the values of a step; `begin` is the first path of the group."""
    lanes = len(size) * LANES
    at = _offsets(net, steps, lanes)
    for first in range(paths.first, paths.stop, lanes):
        block = _block(paths, first, lanes)
        work = memory(block)
        place = Place(at.parameters, at.path + step * lanes, begin + first, first, step)
        if net.likelihood in ONE_BY_ONE:
            draw_one_by_one(net.likelihood, block, place, lanes, source, words, scale, out)
            # The draw itself: counts stay integers.
            value = load(memory(out.draws), step * out.draws.shape[1] * out.draws.shape[2] + place.lane, size)
        else:
            draw_in_lanes(net.likelihood, work, place, words, scale, out, size)
            value = load(work, place.value, size) * scale
        if step < len(out.paths):
            store(memory(out.paths), step * out.paths.shape[1] + place.lane, value)


@inlined
def _inputs(net: Weights, layer: int, lanes: int) -> int:
    """The offset of the inputs of a layer but the first, before its h; after the last layer, of the last output."""
    return (net.layers + 1 + 2 * (layer - 1)) * net.cells * lanes


@inlined
def _hidden(net: Weights, layer: int, lanes: int) -> int:
    """The offset of a layer's h; the first layer has no inputs before it."""
    return _inputs(net, layer, lanes) + net.cells * lanes


@inlined
def _sum_first_layer(
    net: Weights,
    encoded: Encoded,
    sampled: int,
    work: Floats,
    at: Scratch,
    gates: Floats,
    step: int,
    lanes: int,
    size: Size,
) -> None:
    """The first layer's gates: the common part of all paths, plus that of h and of the `sampled` shortest lags."""
    cells, begin, lags = net.cells, memory(encoded.initial_sums), memory(net.lags)
    weights, hidden = memory(net.path_weights), _hidden(net, 0, lanes)
    for unit in range(cells):
        factor = 4 * unit * (cells + len(net.lags))
        sums = _four(begin, step * encoded.initial_sums.shape[1] + 4 * unit, size)
        a, b, c, d = products(sums, weights, factor, work, hidden, lanes, cells, size)
        for number in range(sampled):
            value = load(work, at.path + (step - lags[number]) * lanes, size)
            lag = factor + 4 * (cells + number)
            a, b = fma(value, weights[lag], a), fma(value, weights[lag + 1], b)
            c, d = fma(value, weights[lag + 2], c), fma(value, weights[lag + 3], d)
        _store_four(gates, 4 * unit * lanes, (a, b, c, d), lanes)


@inlined
def _sum_later_layer(net: Weights, layer: int, work: Floats, gates: Floats, lanes: int, size: Size) -> None:
    """Another layer's gates, from the outputs of the layer below and its own h."""
    cells, bias, weights = net.cells, memory(net.path_bias), memory(net.path_weights)
    inputs = _inputs(net, layer, lanes)
    base = 4 * cells * (cells + len(net.lags) + 2 * cells * (layer - 1))
    for unit in range(cells):
        sums = _four(bias, 4 * ((layer - 1) * cells + unit), size)
        sums = products(sums, weights, base + 8 * cells * unit, work, inputs, lanes, 2 * cells, size)
        _store_four(gates, 4 * unit * lanes, sums, lanes)


@inlined
def _activate(net: Weights, layer: int, work: Floats, gates: Floats, lanes: int, size: Size) -> None:
    """A layer's new c and h, and the inputs of the layer above: its h, plus its inputs for all layers but the first.

    These loops are separate from the sums, as their iterations are independent and keep the core's units busy.
    """
    states, hidden = layer * net.cells * lanes, _hidden(net, layer, lanes)
    inputs, above = _inputs(net, layer, lanes), _inputs(net, layer + 1, lanes)
    for unit in range(net.cells):
        state, gate = states + unit * lanes, 4 * unit * lanes
        enter, forget, candidate = (
            load(gates, gate, size),
            load(gates, gate + lanes, size),
            load(gates, gate + 2 * lanes, size),
        )
        store(work, state, new_state(enter, forget, candidate, load(work, state, size)))
    for unit in range(net.cells):
        row = unit * lanes
        output = new_output(load(gates, 4 * row + 3 * lanes, size), load(work, states + row, size))
        store(work, hidden + row, output)
        if layer > 0:
            output = output + load(work, inputs + row, size)
        store(work, above + row, output)


@inlined
def _store_four(rows: Floats, at: int, sums: Sums, lanes: int) -> None:
    """Write four sums to four rows of a pointer from `at` on."""
    a, b, c, d = sums
    store(rows, at, a)
    store(rows, at + lanes, b)
    store(rows, at + 2 * lanes, c)
    store(rows, at + 3 * lanes, d)


@inlined
def _four(numbers: Floats, at: int, size: Size) -> Sums:
    """Four numbers of a pointer from `at` on, each in all lanes."""
    return (
        spread(numbers[at], size),
        spread(numbers[at + 1], size),
        spread(numbers[at + 2], size),
        spread(numbers[at + 3], size),
    )


@inlined
def _project(net: Weights, work: Floats, at: Scratch, lanes: int, size: Size) -> None:
    """The likelihood's parameters, before their links: at most three, in the first of four columns."""
    weights = memory(net.projection)
    bias = _four(weights, 4 * net.cells, size)
    first, second, third, _ = products(bias, weights, 0, work, at.output, lanes, net.cells, size)
    store(work, at.parameters, first)
    store(work, at.parameters + lanes, second)
    store(work, at.parameters + 2 * lanes, third)
