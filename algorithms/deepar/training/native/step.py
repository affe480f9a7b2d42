"""A micro-batch: the losses of a few windows, and their gradients with respect to every weight."""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats, Indices
from forecastle.algorithms.deepar.lstm import GATE_FACTORS
from forecastle.algorithms.deepar.training.native.backward import backward
from forecastle.algorithms.deepar.training.native.forward import forward
from forecastle.algorithms.deepar.training.native.head import project, run_head
from forecastle.algorithms.deepar.training.native.missing import begin_before, end_after, write_means
from forecastle.algorithms.deepar.training.native.plan import (
    SIZE,
    WIDTH,
    PackedWeights,
    Plan,
    Workspace,
    layer_at,
    layer_rows,
)
from forecastle.algorithms.deepar.training.native.weights import unpack
from forecastle.kernels.compiled import kernel, part
from forecastle.kernels.lanes import fma, load, spread, store
from forecastle.kernels.pointer import memory


class Batch(NamedTuple):
    """A batch of n windows: the arrays of `Windows`, and each window's scale. h steps of history, F to forecast."""

    past: Floats  # (n, h)
    past_observed: Floats  # (n, h)
    past_features: Floats  # (n, h, features)
    future: Floats  # (n, F)
    future_observed: Floats  # (n, F)
    future_features: Floats  # (n, F, features)
    cat: Floats  # (n, categorical features)
    padded: Indices  # (n,)
    scales: Floats  # (n,)
    key: np.uint64  # seeds zoneout


@kernel
def losses_and_gradients(
    plan: Plan, packed: PackedWeights, batch: Batch, first: int, work: Workspace, losses: Floats, gradient: Floats
) -> None:
    """Compute the losses of up to WIDTH windows from `first` on, and add their gradients to `gradient`.

    Parameters
    ----------
    first : the place in the batch of the first window, which is in lane 0.
    work : memory to compute in; its contents are overwritten.
    losses : (n,), those of these windows are written.
    gradient : (size,), of the sum of the losses, in the order of the weights.
    """
    count = min(WIDTH, len(batch.past) - first)
    _gather_values(plan, batch, first, count, work)
    _gather_missing(plan, batch, first, count, work)
    _gather_static(plan, packed.vector, batch, first, count, work)
    for layer in range(plan.layers):
        _sum_biases(plan, layer, packed.vector, work)
    _forward(plan, packed, batch, first, count, work)
    _backward(plan, packed, work)
    for lane in range(count):
        losses[first + lane] = work.losses[lane]
    for layer in range(plan.layers - 1, -1, -1):
        _bias_gradients(plan, layer, packed.vector, work, gradient)
    _embedding_gradients(plan, batch, first, count, work, gradient)
    unpack(plan, work, gradient)


@part
def _forward(plan: Plan, packed: PackedWeights, batch: Batch, window: int, count: int, work: Workspace) -> None:
    """Run all layers, as many steps at once as need no mean of a step before them.

    For `count` windows from the batch's `window` on; the last layer's outputs are in `work.outputs`, (T, H⁺).
    """
    stop = 0
    while stop < plan.steps:
        first, stop = stop, end_after(plan, stop, work)
        _gather_inputs(plan, batch, window, count, first, stop, work)
        for layer in range(plan.layers):
            forward(plan, layer, packed, batch.key, window, first, stop, work)
        if stop < plan.steps:
            project(plan, stop - 1, packed, work)
            write_means(plan, stop - 1, work)


@part
def _backward(plan: Plan, packed: PackedWeights, work: Workspace) -> None:
    """Compute the losses and the gradients of all that varies, in the same groups of steps, from the last to the first.

    A mean's gradient is known once all later steps are done, and is then added to those of its own step. They are in
    `work.losses`, `.projection_gradient`, `.weight_gradient` and `.gradient_sums`, with the shapes of `Workspace`.
    """
    for zeroed in (
        work.losses,
        work.head,
        work.projection_gradient,
        work.weight_gradient,
        work.gradient_sums,
        work.state_gradients,
        work.value_gradients,
    ):
        zeroed[:] = 0.0
    stop = plan.steps
    while stop > 0:
        first = begin_before(plan, stop, work)
        run_head(plan, packed, first, stop, work)
        for layer in range(plan.layers - 1, -1, -1):
            backward(plan, layer, packed, first, stop, work)
        stop = first


@part
def _gather_values(plan: Plan, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """The windows' values, divided by their scales and as they are. Lanes without a window are 0, their scale is 1.

    From `batch.past` (n, h) and `.future` (n, F) to `work.values` (longest lag + T), `.targets` (T), `.loss_weights`
    (T) and `.scales` (2).
    """
    history, longest = batch.past.shape[1], plan.lags[-1]
    work.values[:] = 0.0
    work.targets[:] = 0.0
    work.loss_weights[:] = 0.0
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
            work.loss_weights[step * WIDTH + lane] = batch.past_observed[window, longest + step]
            known += batch.past_observed[window, longest + step]
        for step in range(plan.context, plan.steps):
            work.targets[step * WIDTH + lane] = batch.future[window, step - plan.context]
            work.loss_weights[step * WIDTH + lane] = batch.future_observed[window, step - plan.context]
            known += batch.future_observed[window, step - plan.context]
        for step in range(plan.steps):
            work.loss_weights[step * WIDTH + lane] /= max(known, np.float32(1))


@part
def _gather_missing(plan: Plan, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """Where each window's series starts, `work.padded` (2), and which values means replace, `work.missing` (T)."""
    work.padded[:] = 0.0
    work.missing[:] = 0.0
    for lane in range(count):
        padded = np.float32(max(batch.padded[first + lane] - plan.lags[-1], 0))
        work.padded[lane] = padded
        work.padded[WIDTH] = max(work.padded[WIDTH], padded)
        for step in range(int(padded), plan.steps if plan.missing_is_mean else 0):
            if not work.loss_weights[step * WIDTH + lane] > 0:
                work.missing[step * WIDTH + lane] = 1.0


@part
def _gather_inputs(
    plan: Plan, batch: Batch, first: int, count: int, begin_step: int, end_step: int, work: Workspace
) -> None:
    """The inputs that vary at the steps from `begin_step` to `end_step`: lags divided by the scale, and features.

    From `work.values` (longest lag + T) and the batch's features to the first V rows of each step of layer 0 in
    `work.inputs` (T + 1, V + H).
    """
    rows, longest, lags, features = layer_rows(plan, 0), plan.lags[-1], len(plan.lags), batch.past_features.shape[2]
    inputs, values = memory(work.inputs), memory(work.values)
    for step in range(begin_step, end_step):
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
def _gather_static(plan: Plan, weights: Floats, batch: Batch, first: int, count: int, work: Workspace) -> None:
    """The inputs that do not vary: embeddings from `weights` (size,), a zero, log(scale).

    They are the first K − V rows of `work.static`; those for their gradients are set to 0.
    """
    work.static[:] = 0.0
    for lane in range(count):
        row, table = 0, layer_at(plan, plan.layers)
        for number in range(len(plan.embeddings)):
            categories, dimension = plan.embeddings[number]
            at = table + _category(batch, first + lane, number, categories) * dimension
            for place in range(dimension):
                work.static[(row + place) * WIDTH + lane] = weights[at + place]
            row += dimension
            table += categories * dimension
        work.static[(row + 1) * WIDTH + lane] = work.scales[WIDTH + lane]


@part
def _sum_biases(plan: Plan, layer: int, weights: Floats, work: Workspace) -> None:
    """What the gates of each step begin with: the biases, and in layer 0 the inputs that do not vary.

    From `weights` (size,) and `work.static` to the layer's 4·H rows of `work.initial_sums`.
    """
    cells, at, width = plan.cells, layer_at(plan, layer), plan.inputs if layer == 0 else plan.cells
    bias, static, initial_sums = at + 4 * cells * (width + cells), memory(work.static), memory(work.initial_sums)
    for gate in range(4):
        for unit in range(cells):
            row = gate * cells + unit
            start = spread(weights[bias + row] + weights[bias + 4 * cells + row], SIZE)
            if layer == 0:
                for number in range(plan.inputs - plan.varying):
                    weight = weights[at + row * width + plan.varying + number]
                    start = fma(load(static, number * WIDTH, SIZE), weight, start)
            store(initial_sums, (4 * (layer * cells + unit) + gate) * WIDTH, start * GATE_FACTORS[gate])


@part
def _bias_gradients(plan: Plan, layer: int, weights: Floats, work: Workspace, gradient: Floats) -> None:
    """Add the gradients of the biases, and in layer 0 of the inputs that do not vary and their weights.

    From the layer's 4·H rows of `work.gradient_sums` to `gradient` (size,) and the last K − V rows of `work.static`.
    """
    cells, at, width = plan.cells, layer_at(plan, layer), plan.inputs if layer == 0 else plan.cells
    bias, count = at + 4 * cells * (width + cells), plan.inputs - plan.varying
    sums, static = work.gradient_sums, work.static
    for gate in range(4):
        for unit in range(cells):
            row, slope, total = gate * cells + unit, (4 * (layer * cells + unit) + gate) * WIDTH, np.float32(0)
            for lane in range(WIDTH):
                total += sums[slope + lane]
            gradient[bias + row] += total
            gradient[bias + 4 * cells + row] += total
            if layer == 0:
                for number in range(count):
                    place, total = at + row * width + plan.varying + number, np.float32(0)
                    for lane in range(WIDTH):
                        total += sums[slope + lane] * static[number * WIDTH + lane]
                        static[(count + number) * WIDTH + lane] += sums[slope + lane] * weights[place]
                    gradient[place] += total


@part
def _embedding_gradients(plan: Plan, batch: Batch, first: int, count: int, work: Workspace, gradient: Floats) -> None:
    """Add the gradients of the embeddings to `gradient` (size,), from the last K − V rows of `work.static`."""
    for lane in range(count):
        row, table = plan.inputs - plan.varying, layer_at(plan, plan.layers)
        for number in range(len(plan.embeddings)):
            categories, dimension = plan.embeddings[number]
            at = table + _category(batch, first + lane, number, categories) * dimension
            for place in range(dimension):
                gradient[at + place] += work.static[(row + place) * WIDTH + lane]
            row += dimension
            table += categories * dimension


@part
def _category(batch: Batch, window: int, number: int, categories: int) -> int:
    """A window's category, from `batch.cat` (n, categorical features), within 0 to `categories` − 1."""
    return min(max(int(batch.cat[window, number]), 0), categories - 1)
