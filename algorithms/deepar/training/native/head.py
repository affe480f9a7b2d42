"""The output head: projection, likelihood loss and their gradients for one micro-batch."""

import numpy as np

from forecastle.algorithms.deepar.likelihood import ONE_BY_ONE
from forecastle.algorithms.deepar.lstm import products
from forecastle.algorithms.deepar.training.native.loss import loss_in_lanes, loss_of_one
from forecastle.algorithms.deepar.training.native.missing import mean_gradients
from forecastle.algorithms.deepar.training.native.plan import SIZE, WIDTH, PackedWeights, Plan, Workspace, padded_cells
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.lanes import choose, exceeds, fma, load, spread, store
from forecastle.kernels.pointer import memory


@part
def run_head(plan: Plan, packed: PackedWeights, first: int, stop: int, work: Workspace) -> None:
    """Add the losses of the steps from `first` to `stop`, and the gradients of the projection.

    Reads `work.outputs` (T, H⁺), the last layer's, and replaces them with their gradients. Adds to `work.losses` (1)
    and `work.projection_gradient` (4·(H + 1)). All are rows of lanes, as in `Workspace`.
    """
    for step in range(first, stop):
        project(plan, step, packed, work)
        if plan.likelihood in ONE_BY_ONE:
            _losses_one_by_one(plan, step, work)
        else:
            _losses_in_lanes(plan, step, work)
        if plan.missing_is_mean:
            mean_gradients(plan, step, work)
        _backpropagate(plan, step, packed, work)


@inlined
def project(plan: Plan, step: int, packed: PackedWeights, work: Workspace) -> None:
    """The likelihood's parameters of a step, before their links.

    From row `step` of `work.outputs` (T, H⁺) and `packed.projection` (H + 1, 4), to rows 0 to 2 of `work.head`.
    """
    head, weights, bias = memory(work.head), memory(packed.projection), 4 * plan.cells
    sums = (
        spread(weights[bias], SIZE),
        spread(weights[bias + 1], SIZE),
        spread(weights[bias + 2], SIZE),
        spread(weights[bias + 3], SIZE),
    )
    row = step * padded_cells(plan) * WIDTH
    first, second, third, _ = products(sums, weights, 0, memory(work.outputs), row, WIDTH, plan.cells, SIZE)
    store(head, 0, first)
    store(head, WIDTH, second)
    store(head, 2 * WIDTH, third)


@inlined
def _losses_in_lanes(plan: Plan, step: int, work: Workspace) -> None:
    """The losses of a step, a vector of WIDTH windows, and their gradients with respect to up to three parameters.

    From rows 0 to 2 of `work.head`, to its row 4 and its rows 5 to 7.
    """
    head, scales = memory(work.head), memory(work.scales)
    loss, first, second, third = loss_in_lanes(
        plan.likelihood,
        load(memory(work.targets), step * WIDTH, SIZE),
        load(scales, 0, SIZE),
        load(scales, WIDTH, SIZE),
        load(head, 0, SIZE),
        load(head, WIDTH, SIZE),
        load(head, 2 * WIDTH, SIZE),
    )
    store(head, 4 * WIDTH, loss)
    store(head, 5 * WIDTH, first)
    store(head, 6 * WIDTH, second)
    store(head, 7 * WIDTH, third)


@part
def _losses_one_by_one(plan: Plan, step: int, work: Workspace) -> None:
    """The same, window by window, for likelihoods of two parameters that are not vectorised: rows 4 to 6."""
    head = work.head
    for lane in range(WIDTH):
        if work.loss_weights[step * WIDTH + lane] > 0:
            loss, first, second = loss_of_one(
                plan.likelihood, work.targets[step * WIDTH + lane], work.scales[lane], head[lane], head[WIDTH + lane]
            )
            head[4 * WIDTH + lane], head[5 * WIDTH + lane], head[6 * WIDTH + lane] = loss, first, second


@inlined
def _backpropagate(plan: Plan, step: int, packed: PackedWeights, work: Workspace) -> None:
    """Add the weighted losses; from the parameters' gradients to those of the projection and of the outputs.

    Row 4 of `work.head` is added to `work.losses` (1); rows 5 to 9 give `work.projection_gradient` (4·(H + 1)), which
    is added to, and row `step` of `work.outputs` (T, H⁺), which is replaced.
    """
    head, outputs, losses = memory(work.head), memory(work.outputs), memory(work.losses)
    gradient, weights = memory(work.projection_gradient), memory(packed.projection)
    weight = load(memory(work.loss_weights), step * WIDTH, SIZE)
    counts = exceeds(weight, 0.0)
    store(losses, 0, load(losses, 0, SIZE) + choose(counts, load(head, 4 * WIDTH, SIZE) * weight, 0.0))
    first = choose(counts, load(head, 5 * WIDTH, SIZE) * weight, load(head, 8 * WIDTH, SIZE))
    second = choose(counts, load(head, 6 * WIDTH, SIZE) * weight, load(head, 9 * WIDTH, SIZE))
    third = choose(counts, load(head, 7 * WIDTH, SIZE) * weight, 0.0)
    for unit in range(plan.cells + 1):
        at, output = 4 * unit * WIDTH, spread(np.float32(1), SIZE)
        row = (step * padded_cells(plan) + unit) * WIDTH
        if unit < plan.cells:
            output = load(outputs, row, SIZE)
            back = fma(second, weights[4 * unit + 1], first * weights[4 * unit])
            store(outputs, row, fma(third, weights[4 * unit + 2], back))
        store(gradient, at, fma(first, output, load(gradient, at, SIZE)))
        store(gradient, at + WIDTH, fma(second, output, load(gradient, at + WIDTH, SIZE)))
        store(gradient, at + 2 * WIDTH, fma(third, output, load(gradient, at + 2 * WIDTH, SIZE)))
