"""Sample paths: blocks of paths of one series, each run through all steps of the forecast; lanes are paths."""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.draw import DRAWS, TABLE_ROWS, draw_in_lanes, draw_one_by_one
from forecastle.algorithms.deepar.inference.weights import Layout
from forecastle.algorithms.deepar.likelihood import MOST_PARAMETERS, ONE_BY_ONE
from forecastle.algorithms.deepar.lstm import Sums, new_output, new_state, products
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import LANES, Size, fma, load, spread, store
from forecastle.kernels.philox import new_stream
from forecastle.kernels.pointer import memory


def scratch_size(layout: Layout, steps: int, lanes: int) -> int:
    """How many floats `run_paths` wants to work in, for blocks of `lanes` paths."""
    rows = layout.cells * (layout.layers + (2 * layout.layers - 1) + 1 + 4)
    return (rows + steps + MOST_PARAMETERS) * lanes


@kernel
def run_paths(
    layout: Layout,
    states: Floats,
    output: Floats,
    starts: Floats,
    scale: float,
    key: np.uint64,
    series: int,
    first_vector: int,
    last_vector: int,
    size: Size,
    scratch: Floats,
    paths: Floats,
    expected: Floats,
    draws: Floats,
) -> None:
    """Run the paths of the vectors [first_vector, last_vector) of one series, as many at once as `size` says.

    Parameters
    ----------
    states, output, starts : as the encoder left them, behind the first step.
    scale : of the series.
    key, series : what the random numbers hang on, besides path and step.
    scratch : (`scratch_size`,).
    paths : (T, lanes), where the paths go, in the series' unit.
    expected : (T, lanes), where the mean of each step's conditional distribution goes.
    draws : (T, draws, lanes), where draws from it go: 16, or 1 where the distribution is a point.
    """
    lanes, cells, steps = len(size) * LANES, layout.cells, len(expected)
    work, lags = memory(scratch), memory(layout.lags)
    # The scratch: c of all layers; h of the first, inputs and h of each other; the last output; a layer's gates; the
    # path; the parameters.
    top = _inputs(layout, layout.layers, lanes)
    gates = top + cells * lanes
    path = gates + 4 * cells * lanes
    parameters = path + steps * lanes
    stream, table = new_stream(key), np.empty((TABLE_ROWS, DRAWS))
    for vector in range(first_vector, last_vector, len(size)):
        _begin(layout, states, output, work, top, lanes, size)
        sampled = 0
        for step in range(steps):
            while sampled < len(layout.lags) and lags[sampled] <= step:
                sampled += 1
            for layer in range(layout.layers if step > 0 else 0):
                if layer == 0:
                    _sum_up_first(layout, starts, sampled, work, path, gates, step, lanes, size)
                else:
                    _sum_up_later(layout, layer, work, gates, lanes, size)
                _activate(layout, layer, work, gates, lanes, size)
            _project(layout, work, top, parameters, lanes, size)
            lane, at = vector * LANES, path + step * lanes
            if layout.likelihood in ONE_BY_ONE:
                draw_one_by_one(
                    layout.likelihood,
                    scratch,
                    parameters,
                    at,
                    lane,
                    lanes,
                    step,
                    series,
                    stream,
                    table,
                    scale,
                    expected,
                    draws,
                )
                value = load(memory(draws), step * draws.shape[1] * draws.shape[2] + lane, size)  # counts stay whole
            else:
                draw_in_lanes(
                    layout.likelihood, work, parameters, at, lane, step, series, key, scale, expected, draws, size
                )
                value = load(work, at, size) * scale
            if step < len(paths):
                store(memory(paths), step * paths.shape[1] + lane, value)


@inlined
def _inputs(layout: Layout, layer: int, lanes: int) -> int:
    """Where the inputs of a layer but the first begin; its h stands behind them. Behind the last: the last output."""
    return (layout.layers + 1 + 2 * (layer - 1)) * layout.cells * lanes


@inlined
def _hidden(layout: Layout, layer: int, lanes: int) -> int:
    """Where a layer's h begins. The first has no inputs there."""
    return _inputs(layout, layer, lanes) + layout.cells * lanes


@inlined
def _begin(layout: Layout, states: Floats, output: Floats, work: Floats, top: int, lanes: int, size: Size) -> None:
    """Every path goes on from where the encoder ended."""
    for unit in range(layout.cells):
        store(work, top + unit * lanes, spread(output[unit], size))
    for layer in range(layout.layers):
        hidden = _hidden(layout, layer, lanes)
        for unit in range(layout.cells):
            store(work, hidden + unit * lanes, spread(states[layer, 0, unit], size))
            store(work, (layer * layout.cells + unit) * lanes, spread(states[layer, 1, unit], size))


@inlined
def _sum_up_first(
    layout: Layout, starts: Floats, sampled: int, work: Floats, path: int, gates: int, step: int, lanes: int, size: Size
) -> None:
    """The first layer's gates, from its h and the `sampled` shortest lags; `starts` sums up what all paths share."""
    cells, begin, lags = layout.cells, memory(starts), memory(layout.lags)
    weights, hidden = memory(layout.path_weights), _hidden(layout, 0, lanes)
    for unit in range(cells):
        factor = 4 * unit * (cells + len(layout.lags))
        sums = _four(begin, step * starts.shape[1] + 4 * unit, size)
        a, b, c, d = products(sums, weights, factor, work, hidden, lanes, cells, size)
        for number in range(sampled):
            value = load(work, path + (step - lags[number]) * lanes, size)
            at = factor + 4 * (cells + number)
            a, b = fma(value, weights[at], a), fma(value, weights[at + 1], b)
            c, d = fma(value, weights[at + 2], c), fma(value, weights[at + 3], d)
        _keep(work, gates + 4 * unit * lanes, (a, b, c, d), lanes)


@inlined
def _sum_up_later(layout: Layout, layer: int, work: Floats, gates: int, lanes: int, size: Size) -> None:
    """Another layer's gates, from the outputs of the one below and its own h."""
    cells, bias, weights = layout.cells, memory(layout.path_bias), memory(layout.path_weights)
    inputs = _inputs(layout, layer, lanes)
    base = 4 * cells * (cells + len(layout.lags) + 2 * cells * (layer - 1))
    for unit in range(cells):
        sums = _four(bias, 4 * ((layer - 1) * cells + unit), size)
        sums = products(sums, weights, base + 8 * cells * unit, work, inputs, lanes, 2 * cells, size)
        _keep(work, gates + 4 * unit * lanes, sums, lanes)


@inlined
def _activate(layout: Layout, layer: int, work: Floats, gates: int, lanes: int, size: Size) -> None:
    """A layer's new c and h, and the inputs of the one above: its h, and for all but the first its inputs as well.

    Two loops apart from the sums: the units of each do not wait for one another, and so fill the core.
    """
    states, hidden = layer * layout.cells * lanes, _hidden(layout, layer, lanes)
    inputs, above = _inputs(layout, layer, lanes), _inputs(layout, layer + 1, lanes)
    for unit in range(layout.cells):
        at, gate = states + unit * lanes, gates + 4 * unit * lanes
        enter, forget, made = (
            load(work, gate, size),
            load(work, gate + lanes, size),
            load(work, gate + 2 * lanes, size),
        )
        store(work, at, new_state(enter, forget, made, load(work, at, size)))
    for unit in range(layout.cells):
        row = unit * lanes
        output = new_output(load(work, gates + 4 * row + 3 * lanes, size), load(work, states + row, size))
        store(work, hidden + row, output)
        if layer > 0:
            output = output + load(work, inputs + row, size)
        store(work, above + row, output)


@inlined
def _keep(work: Floats, at: int, sums: Sums, lanes: int) -> None:
    a, b, c, d = sums
    store(work, at, a)
    store(work, at + lanes, b)
    store(work, at + 2 * lanes, c)
    store(work, at + 3 * lanes, d)


@inlined
def _four(numbers: Floats, at: int, size: Size) -> Sums:
    return (
        spread(numbers[at], size),
        spread(numbers[at + 1], size),
        spread(numbers[at + 2], size),
        spread(numbers[at + 3], size),
    )


@inlined
def _project(layout: Layout, work: Floats, top: int, parameters: int, lanes: int, size: Size) -> None:
    """The likelihood's parameters, before their links; there are at most three, and room for a fourth."""
    weights = memory(layout.projection)
    bias = _four(weights, 4 * layout.cells, size)
    first, second, third, _ = products(bias, weights, 0, work, top, lanes, layout.cells, size)
    store(work, parameters, first)
    store(work, parameters + lanes, second)
    store(work, parameters + 2 * lanes, third)
