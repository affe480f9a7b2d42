"""The encoder: runs a series' context through the network, once for all its paths.

K inputs per step, H cells, G = 4·H⁺ gates, padded; `inputs` and `outputs` have four steps next to each other,
(steps / 4, K + 1 or H + 1, 4), the last row being 1 for the bias.
"""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.draw import mean_of
from forecastle.algorithms.deepar.inference.weights import CHUNK, Weights
from forecastle.algorithms.deepar.lstm import new_output, new_state, products
from forecastle.kernels.compiled import inlined, kernel, part
from forecastle.kernels.lanes import SIZES, fma, load, spread, store
from forecastle.kernels.pointer import memory

_SIZE = SIZES[3]


class Encoded(NamedTuple):
    """The state of all paths of a series after its context. T forecast steps, L layers, H cells; H⁺ is padded."""

    states: Floats  # (L, 2, H⁺): h and c of each layer
    output: Floats  # (H,): of the last layer
    initial_sums: Floats  # (T padded to 4, 4·H padded): the part of each step's gates of layer 0 that paths share:
    # everything but the state's part and that of lags that reach into the forecast itself


@kernel
def encode(
    net: Weights, target: Floats, features: Floats, context: int, scale: float, fill_value: float, encoded: Encoded
) -> None:
    """Run a series' context and the first step of its forecast, and write the state of its paths to `encoded`.

    Layer by layer: the inputs of a layer at all steps are then one product, and its weights stay in the cache.
    If a missing value is the mean of its step, later steps depend on it: the steps up to each missing value are run so,
    one group after the other.

    Parameters
    ----------
    target : (length,), NaN where missing.
    features : (context + T, …), all inputs of each step but the lags.
    fill_value : replaces a missing value.
    """
    run, steps = context + 1, len(features) - context
    gates = np.empty((_padded_to_4(run), net.encoder_input.shape[1]), np.float32)
    past = _scaled_past(target, context + net.lags[-1], scale, fill_value)
    outputs = np.ones((len(gates) // 4, net.cells + 1, 4), np.float32)  # with ones for the bias, as `_inputs` has
    padded = max(context - len(target), 0) if net.reset_while_padded else 0
    encoded.states[:] = 0.0
    first, stop = 0, 0
    while stop < run:
        first, stop = stop, _next_mean(target, context, stop) if net.missing_is_mean else run
        inputs = _inputs(net, past, features, first, stop - first)
        _run(net, inputs, stop - first, padded - first, gates, encoded.states, outputs)
        if stop < run:
            past[net.lags[-1] + stop - 1] = _mean(net, outputs, stop - 1 - first)
    _multiply(_inputs(net, past, features, context, steps), net.start_input, encoded.initial_sums)
    for unit in range(net.cells):
        encoded.output[unit] = outputs[(context - first) // 4, unit, (context - first) % 4]


@part
def _next_mean(target: Floats, context: int, first: int) -> int:
    """The end of the steps that can be run together from `first` on: after the next missing value of `target`."""
    for step in range(max(first, context - len(target)), context):
        if np.isnan(target[len(target) - context + step]):
            return step + 1
    return context + 1


@part
def _run(net: Weights, inputs: Floats, steps: int, padded: int, gates: Floats, states: Floats, outputs: Floats) -> None:
    """Run `steps` through all layers of `net`; the states are set to 0 before each of the first `padded` ones.

    gates : (steps padded to 4, G), scratch memory. states : (L, 2, H⁺), updated. outputs : written, of the last layer.
    """
    blocks = len(inputs)
    _multiply(inputs, net.encoder_input, gates)
    for layer in range(net.layers):
        if layer > 0:
            _multiply(outputs[:blocks], net.encoder_inputs[layer - 1], gates)
        _unroll(gates, net.encoder_hidden[layer], steps, padded, layer > 0, states[layer], outputs)


@part
def _mean(net: Weights, outputs: Floats, step: int) -> float:
    """The mean of a step's distribution over the scale, from the last layer's `outputs` by the projection of `net`."""
    block, side = step // 4, step % 4
    first, second = float(net.projection[net.cells, 0]), float(net.projection[net.cells, 1])
    for unit in range(net.cells):
        first += outputs[block, unit, side] * net.projection[unit, 0]
        second += outputs[block, unit, side] * net.projection[unit, 1]
    return mean_of(net.likelihood, first, second)


@part
def _scaled_past(target: Floats, length: int, scale: float, fill_value: float) -> Floats:
    """The last `length` values of `target`, (n,), over the scale, with `fill_value` for missing ones: (length,)."""
    past = np.empty(length, np.float32)
    before = length - len(target)
    for place in range(length):
        value = np.float32(fill_value)
        if place >= before and not np.isnan(target[place - before]):
            value = target[place - before]
        past[place] = value / scale
    return past


@part
def _inputs(net: Weights, past: Floats, features: Floats, first: int, count: int) -> Floats:
    """The inputs of `count` steps from `first` on: lags of `past`, (n,), and the rows of `features`, (steps, others).

    Lags that reach into the forecast are left 0.
    """
    lags, others = len(net.lags), features.shape[1]
    inputs = np.zeros((_padded_to_4(count) // 4, lags + others + 1, 4), np.float32)
    for step in range(count):
        block, side = step // 4, step % 4
        place = net.lags[-1] + first + step  # of the step itself in the past
        for number in range(lags):
            lagged = place - net.lags[number]
            if lagged < len(past):
                inputs[block, number, side] = past[lagged]
        for number in range(others):
            inputs[block, lags + number, side] = features[first + step, number]
        inputs[block, lags + others, side] = 1.0
    return inputs


@part
def _multiply(inputs: Floats, weights: Floats, out: Floats) -> None:
    """Write the product of `inputs`, (n / 4, K, 4), and `weights`, (K, width), to `out`, (n, width)."""
    blocks, count, _ = inputs.shape
    width = weights.shape[1]
    factors, rows, sums = memory(inputs), memory(weights), memory(out)
    zero = spread(np.float32(0), _SIZE)
    for block in range(blocks):
        for lane in range(0, width, CHUNK):
            step_0, step_1, step_2, step_3 = products(
                (zero, zero, zero, zero), factors, block * count * 4, rows, lane, width, count, _SIZE
            )
            at = 4 * block * width + lane
            store(sums, at, step_0)
            store(sums, at + width, step_1)
            store(sums, at + 2 * width, step_2)
            store(sums, at + 3 * width, step_3)


@part
def _unroll(
    gates: Floats, weights: Floats, steps: int, padded: int, residual: bool, states: Floats, outputs: Floats
) -> None:
    """Run a layer. Its outputs replace those of the layer below in `outputs`, which are added if it is `residual`.

    gates : (steps padded to 4, G), the part from the inputs. weights : (H, G), of the states.
    states : (2, H⁺), updated.
    """
    sums = np.empty(gates.shape[1], np.float32)
    for step in range(steps):
        if step < padded:
            states[:] = 0.0
        _add_product(gates[step], states[0], weights, sums)
        _step(sums, states[1], states[0])
        block, side = step // 4, step % 4
        for unit in range(len(weights)):
            below = outputs[block, unit, side] if residual else np.float32(0)
            outputs[block, unit, side] = states[0, unit] + below


@part
def _add_product(start: Floats, inputs: Floats, weights: Floats, out: Floats) -> None:
    """Write `start`, (width,), + `inputs`, (K,), · `weights`, (K, width), to `out`; four independent sums."""
    count, width = weights.shape
    factors, rows, begin, end = memory(inputs), memory(weights), memory(start), memory(out)
    fours = count // 4 * 4
    for lane in range(0, width, CHUNK):
        first = load(begin, lane, _SIZE)
        second = third = fourth = spread(np.float32(0), _SIZE)
        for k in range(0, fours, 4):
            at = k * width + lane
            first = fma(load(rows, at, _SIZE), factors[k], first)
            second = fma(load(rows, at + width, _SIZE), factors[k + 1], second)
            third = fma(load(rows, at + 2 * width, _SIZE), factors[k + 2], third)
            fourth = fma(load(rows, at + 3 * width, _SIZE), factors[k + 3], fourth)
        for k in range(fours, count):
            first = fma(load(rows, k * width + lane, _SIZE), factors[k], first)
        store(end, lane, (first + second) + (third + fourth))


@part
def _step(gates: Floats, state: Floats, output: Floats) -> None:
    """Update the state c and the output h of a layer, (H⁺,) each, in place, from its gates, (G,)."""
    values, old, new = memory(gates), memory(state), memory(output)
    units = len(state)
    for lane in range(0, units, CHUNK):
        changed = new_state(
            load(values, lane, _SIZE),
            load(values, units + lane, _SIZE),
            load(values, 2 * units + lane, _SIZE),
            load(old, lane, _SIZE),
        )
        store(old, lane, changed)
        store(new, lane, new_output(load(values, 3 * units + lane, _SIZE), changed))


@inlined
def _padded_to_4(count: int) -> int:
    return (count + 3) // 4 * 4
