"""A piece of a batch: a few windows' losses and what they say about every parameter."""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.training.native.head import judge
from forecastle.algorithms.deepar.training.native.layer import backward, forward
from forecastle.algorithms.deepar.training.native.plan import (
    SIZE,
    WIDTH,
    Packs,
    Plan,
    Workspace,
    height,
    layer_at,
)
from forecastle.algorithms.deepar.training.native.weights import fold, unpack
from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.lanes import fma, load, spread, store
from forecastle.kernels.pointer import memory


class Batch(NamedTuple):
    """The arrays of `Windows`, and each window's scale."""

    past: Floats
    past_observed: Floats
    past_features: Floats
    future: Floats
    future_observed: Floats
    future_features: Floats
    cat: Floats
    scales: Floats  # (n,)


@kernel
def learn(
    plan: Plan,
    packs: Packs,
    weights: Floats,
    batch: Batch,
    first: int,
    key: np.uint64,
    work: Workspace,
    losses: Floats,
    gradient: Floats,
) -> None:
    """The losses of up to WIDTH windows from `first` on, to `losses`; their gradients are added to `gradient`."""
    count = min(WIDTH, len(batch.past) - first)
    _gather_values(plan, batch, first, count, work)
    _gather_inputs(plan, batch, first, count, work)
    _gather_still(plan, weights, batch, first, count, work)
    for layer in range(plan.layers):
        _begin(plan, layer, weights, work)
        forward(plan, layer, packs, key, first, work)
    judge(plan, packs, work)
    for lane in range(count):
        losses[first + lane] = work.totals[lane]
    work.weights[:] = 0.0
    for layer in range(plan.layers - 1, -1, -1):
        backward(plan, layer, packs, work)
        _credit(plan, layer, weights, work, gradient)
    _credit_embeddings(plan, batch, first, count, work, gradient)
    unpack(plan, work, gradient)


@part
def _gather_values(plan: Plan, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """The windows' values, over their scales and as they are. Lanes without a window are 0, their scale is 1."""
    history, longest = batch.past.shape[1], plan.lags[-1]
    work.values[:] = 0.0
    work.targets[:] = 0.0
    work.shares[:] = 0.0
    work.scales[:WIDTH] = 1.0
    work.scales[WIDTH:] = 0.0
    for lane in range(count):
        window = first + lane
        scale = batch.scales[window]
        work.scales[lane] = scale
        work.scales[WIDTH + lane] = np.log(scale)
        for place in range(history):
            work.values[place * WIDTH + lane] = batch.past[window, place] / scale
        for place in range(plan.steps - plan.context):
            work.values[(history + place) * WIDTH + lane] = batch.future[window, place] / scale
        known = np.float32(0)
        for step in range(plan.context):
            work.targets[step * WIDTH + lane] = batch.past[window, longest + step]
            work.shares[step * WIDTH + lane] = batch.past_observed[window, longest + step]
            known += batch.past_observed[window, longest + step]
        for step in range(plan.context, plan.steps):
            work.targets[step * WIDTH + lane] = batch.future[window, step - plan.context]
            work.shares[step * WIDTH + lane] = batch.future_observed[window, step - plan.context]
            known += batch.future_observed[window, step - plan.context]
        for step in range(plan.steps):
            work.shares[step * WIDTH + lane] /= max(known, np.float32(1))


@part
def _gather_inputs(plan: Plan, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """The inputs of all steps that move: lags over their scale, features."""
    rows, longest, lags, features = height(plan, 0), plan.lags[-1], len(plan.lags), batch.past_features.shape[2]
    inputs, values = memory(work.inputs), memory(work.values)
    for step in range(plan.steps):
        for number in range(lags):
            place = longest + step - plan.lags[number]
            store(inputs, (step * rows + number) * WIDTH, load(values, place * WIDTH, SIZE))
        begin = step * rows + lags
        work.inputs[begin * WIDTH : (begin + features) * WIDTH] = 0.0
        for lane in range(count):
            for number in range(features):
                if step < plan.context:
                    value = batch.past_features[first + lane, longest + step, number]
                else:
                    value = batch.future_features[first + lane, step - plan.context, number]
                work.inputs[(begin + number) * WIDTH + lane] = value


@part
def _gather_still(plan: Plan, weights: Floats, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """The inputs that do not move: embeddings, a zero, log(scale)."""
    work.still[:] = 0.0
    for lane in range(count):
        row, table = 0, layer_at(plan, plan.layers)
        for number in range(len(plan.embeddings)):
            categories, dimension = plan.embeddings[number]
            at = table + _category(batch, first + lane, number, categories) * dimension
            for place in range(dimension):
                work.still[(row + place) * WIDTH + lane] = weights[at + place]
            row += dimension
            table += categories * dimension
        work.still[(row + 1) * WIDTH + lane] = work.scales[WIDTH + lane]


@part
def _begin(plan: Plan, layer: int, weights: Floats, work: Workspace) -> None:
    """What the gates of each step begin with: the biases; in layer 0 with the inputs that do not move."""
    cells, at, width = plan.cells, layer_at(plan, layer), plan.inputs if layer == 0 else plan.cells
    bias, still, starts = at + 4 * cells * (width + cells), memory(work.still), memory(work.starts)
    for gate in range(4):
        for unit in range(cells):
            row = gate * cells + unit
            start = spread(weights[bias + row] + weights[bias + 4 * cells + row], SIZE)
            if layer == 0:
                for number in range(plan.inputs - plan.moving):
                    weight = weights[at + row * width + plan.moving + number]
                    start = fma(load(still, number * WIDTH, SIZE), weight, start)
            store(starts, (4 * unit + gate) * WIDTH, start * fold(gate))


@part
def _credit(plan: Plan, layer: int, weights: Floats, work: Workspace, gradient: Floats) -> None:
    """The gradients of the biases, and in layer 0 those that concern the inputs that do not move."""
    cells, at, width = plan.cells, layer_at(plan, layer), plan.inputs if layer == 0 else plan.cells
    bias, count = at + 4 * cells * (width + cells), plan.inputs - plan.moving
    sums, still = work.sums, work.still
    for gate in range(4):
        for unit in range(cells):
            row, slope, total = gate * cells + unit, (4 * unit + gate) * WIDTH, np.float32(0)
            for lane in range(WIDTH):
                total += sums[slope + lane]
            gradient[bias + row] += total
            gradient[bias + 4 * cells + row] += total
            if layer == 0:
                for number in range(count):
                    place, total = at + row * width + plan.moving + number, np.float32(0)
                    for lane in range(WIDTH):
                        total += sums[slope + lane] * still[number * WIDTH + lane]
                        still[(count + number) * WIDTH + lane] += sums[slope + lane] * weights[place]
                    gradient[place] += total


@part
def _credit_embeddings(plan: Plan, batch: Batch, first: int, count: int, work: Workspace, gradient: Floats) -> None:
    """The gradients of the categories' embeddings, from those of the inputs that do not move."""
    for lane in range(count):
        row, table = plan.inputs - plan.moving, layer_at(plan, plan.layers)
        for number in range(len(plan.embeddings)):
            categories, dimension = plan.embeddings[number]
            at = table + _category(batch, first + lane, number, categories) * dimension
            for place in range(dimension):
                gradient[at + place] += work.still[(row + place) * WIDTH + lane]
            row += dimension
            table += categories * dimension


@part
def _category(batch: Batch, window: int, number: int, categories: int) -> int:
    return min(max(int(batch.cat[window, number]), 0), categories - 1)
