"""Sample paths: blocks of paths of one series, each run through all steps of the forecast; lanes are paths."""

import numpy as np

from algorithms.deepar.cell import Sums, cell, products
from algorithms.deepar.draw import DRAWS, TABLE_ROWS, draw_in_lanes, draw_one_by_one
from algorithms.deepar.layout import Layout
from algorithms.deepar.network import PARAMETERS, Floats
from algorithms.deepar.philox import new_stream
from algorithms.lanes import LANES, Size, fma, load, spread, store
from algorithms.simd import memory
from contract.compiled import inlined, kernel

_ONE_BY_ONE = tuple(list(PARAMETERS).index(likelihood) for likelihood in ("beta", "negative-binomial"))
_PARAMETERS = max(map(len, PARAMETERS.values()))


def scratch_size(layout: Layout, steps: int, lanes: int) -> int:
    """How many floats `run_paths` wants to work in, for blocks of `lanes` paths."""
    rows = layout.cells * (layout.layers + 2 * (2 * layout.layers - 1) + 1)
    return (rows + steps + _PARAMETERS) * lanes


@kernel
def run_paths(
    layout: Layout,
    states: Floats,
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
    states, starts : as the encoder left them.
    scale : of the series.
    key, series : what the random numbers hang on, besides path and step.
    scratch : (`scratch_size`,).
    paths : (T, lanes), where the paths go, in the series' unit.
    expected : (T, lanes), where the mean of each step's conditional distribution goes.
    draws : (T, draws, lanes), where draws from it go: 16, or 1 where the distribution is a point.
    """
    lanes, cells, steps = len(size) * LANES, layout.cells, len(expected)
    work, lags = memory(scratch), memory(layout.lags)
    # The scratch: c of all layers; inputs and h of each layer, twice; the last output; the path; the parameters.
    values = layout.layers * cells * lanes
    top = _rows(layout.layers, 0, cells, values, lanes)
    path = top + cells * lanes
    parameters = path + steps * lanes
    stream, table = new_stream(key), np.empty((TABLE_ROWS, DRAWS))
    for vector in range(first_vector, last_vector, len(size)):
        _begin(layout, states, work, values, lanes, size)
        sampled = 0
        for step in range(steps):
            while sampled < len(layout.lags) and lags[sampled] <= step:
                sampled += 1
            _first_layer(layout, starts, sampled, work, values, path, step, lanes, size)
            for layer in range(1, layout.layers):
                _later_layer(layout, layer, work, values, step & 1, lanes, size)
            _project(layout, work, top, parameters, lanes, size)
            lane, at = vector * LANES, path + step * lanes
            if layout.likelihood in _ONE_BY_ONE:
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
def _rows(layer: int, parity: int, cells: int, values: int, lanes: int) -> int:
    """Where a layer's inputs, and its h behind them, begin at even or odd steps. Layer 0 has its h alone."""
    return values + cells * lanes * (parity if layer == 0 else 2 + 4 * (layer - 1) + 2 * parity)


@inlined
def _above(layout: Layout, layer: int, parity: int, values: int, lanes: int) -> int:
    """Where a layer's output goes: to the next one's inputs, or to the place of the last output."""
    last = layer + 1 == layout.layers
    return _rows(layer + 1, 0 if last else parity, layout.cells, values, lanes)


@inlined
def _begin(layout: Layout, states: Floats, work: Floats, values: int, lanes: int, size: Size) -> None:
    """Every path goes on from where the encoder ended."""
    for layer in range(layout.layers):
        hidden = _rows(layer, 0, layout.cells, values, lanes) + (layout.cells * lanes if layer > 0 else 0)
        for unit in range(layout.cells):
            store(work, hidden + unit * lanes, spread(states[layer, 0, unit], size))
            store(work, (layer * layout.cells + unit) * lanes, spread(states[layer, 1, unit], size))


@inlined
def _first_layer(
    layout: Layout,
    starts: Floats,
    sampled: int,
    work: Floats,
    values: int,
    path: int,
    step: int,
    lanes: int,
    size: Size,
) -> None:
    """Its inputs that differ between paths are its h and the `sampled` shortest lags; `starts` sums up the others."""
    cells, begin, lags = layout.cells, memory(starts), memory(layout.lags)
    weights = memory(layout.path_weights)
    now, then = _rows(0, step & 1, cells, values, lanes), _rows(0, 1 - (step & 1), cells, values, lanes)
    above = _above(layout, 0, step & 1, values, lanes)
    for unit in range(cells):
        factor = 4 * unit * (cells + len(layout.lags))
        sums = _four(begin, step * starts.shape[1] + 4 * unit, size)
        a, b, c, d = products(sums, weights, factor, work, now, lanes, cells, size)
        for number in range(sampled):
            value = load(work, path + (step - lags[number]) * lanes, size)
            at = factor + 4 * (cells + number)
            a, b = fma(value, weights[at], a), fma(value, weights[at + 1], b)
            c, d = fma(value, weights[at + 2], c), fma(value, weights[at + 3], d)
        state, output = cell(a, b, c, d, load(work, unit * lanes, size))
        store(work, unit * lanes, state)
        store(work, then + unit * lanes, output)
        store(work, above + unit * lanes, output)


@inlined
def _later_layer(layout: Layout, layer: int, work: Floats, values: int, parity: int, lanes: int, size: Size) -> None:
    """Its inputs are the outputs of the one below, added to its own as well."""
    cells, bias, weights = layout.cells, memory(layout.path_bias), memory(layout.path_weights)
    now, then = _rows(layer, parity, cells, values, lanes), _rows(layer, 1 - parity, cells, values, lanes)
    above = _above(layout, layer, parity, values, lanes)
    base = 4 * cells * (cells + len(layout.lags) + 2 * cells * (layer - 1))
    for unit in range(cells):
        sums = _four(bias, 4 * ((layer - 1) * cells + unit), size)
        a, b, c, d = products(sums, weights, base + 8 * cells * unit, work, now, lanes, 2 * cells, size)
        at = (layer * cells + unit) * lanes
        state, output = cell(a, b, c, d, load(work, at, size))
        store(work, at, state)
        store(work, then + (cells + unit) * lanes, output)
        store(work, above + unit * lanes, output + load(work, now + unit * lanes, size))


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
