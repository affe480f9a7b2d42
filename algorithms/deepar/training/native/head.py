"""What a piece's network put out is worth: from its last layer to the likelihood's parameters and losses, and back."""

import numpy as np

from forecastle.algorithms.deepar.cell import products
from forecastle.algorithms.deepar.likelihood import ONE_BY_ONE
from forecastle.algorithms.deepar.training.native.loss import loss_of_one
from forecastle.algorithms.deepar.training.native.loss_in_lanes import loss_in_lanes
from forecastle.algorithms.deepar.training.native.plan import SIZE, WIDTH, Packs, Plan, Workspace, padded_cells
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.lanes import choose, exceeds, fma, load, spread, store
from forecastle.kernels.pointer import memory


@part
def judge(plan: Plan, packs: Packs, work: Workspace) -> None:
    """The windows' losses, to `totals`; the gradients of what the last layer put out, in its place in `above`."""
    work.projection[:] = 0.0
    work.totals[:] = 0.0
    work.told[:] = 0.0
    for step in range(plan.steps):
        _project(plan, step, packs, work)
        if plan.likelihood in ONE_BY_ONE:
            _judge_one_by_one(plan, step, work)
        else:
            _judge_in_lanes(plan, step, work)
        _weigh(plan, step, packs, work)


@inlined
def _project(plan: Plan, step: int, packs: Packs, work: Workspace) -> None:
    """A step's parameters, before their links."""
    told, weights, bias = memory(work.told), memory(packs.projection), 4 * plan.cells
    sums = (
        spread(weights[bias], SIZE),
        spread(weights[bias + 1], SIZE),
        spread(weights[bias + 2], SIZE),
        spread(weights[bias + 3], SIZE),
    )
    row = step * padded_cells(plan) * WIDTH
    first, second, third, _ = products(sums, weights, 0, memory(work.above), row, WIDTH, plan.cells, SIZE)
    store(told, 0, first)
    store(told, WIDTH, second)
    store(told, 2 * WIDTH, third)


@inlined
def _judge_in_lanes(plan: Plan, step: int, work: Workspace) -> None:
    told, scales = memory(work.told), memory(work.scales)
    loss, first, second, third = loss_in_lanes(
        plan.likelihood,
        load(memory(work.targets), step * WIDTH, SIZE),
        load(scales, 0, SIZE),
        load(scales, WIDTH, SIZE),
        load(told, 0, SIZE),
        load(told, WIDTH, SIZE),
        load(told, 2 * WIDTH, SIZE),
    )
    store(told, 4 * WIDTH, loss)
    store(told, 5 * WIDTH, first)
    store(told, 6 * WIDTH, second)
    store(told, 7 * WIDTH, third)


@part
def _judge_one_by_one(plan: Plan, step: int, work: Workspace) -> None:
    told = work.told
    for lane in range(WIDTH):
        if work.shares[step * WIDTH + lane] > 0:
            loss, first, second = loss_of_one(
                plan.likelihood, work.targets[step * WIDTH + lane], work.scales[lane], told[lane], told[WIDTH + lane]
            )
            told[4 * WIDTH + lane], told[5 * WIDTH + lane], told[6 * WIDTH + lane] = loss, first, second


@inlined
def _weigh(plan: Plan, step: int, packs: Packs, work: Workspace) -> None:
    """Add the losses that count; from the parameters' gradients to those of the projection and of what it projected."""
    told, above, totals = memory(work.told), memory(work.above), memory(work.totals)
    projection, weights = memory(work.projection), memory(packs.projection)
    share = load(memory(work.shares), step * WIDTH, SIZE)
    counts = exceeds(share, 0.0)
    store(totals, 0, load(totals, 0, SIZE) + choose(counts, load(told, 4 * WIDTH, SIZE) * share, 0.0))
    first = choose(counts, load(told, 5 * WIDTH, SIZE) * share, 0.0)
    second = choose(counts, load(told, 6 * WIDTH, SIZE) * share, 0.0)
    third = choose(counts, load(told, 7 * WIDTH, SIZE) * share, 0.0)
    for unit in range(plan.cells + 1):
        at, put = 4 * unit * WIDTH, spread(np.float32(1), SIZE)
        row = (step * padded_cells(plan) + unit) * WIDTH
        if unit < plan.cells:
            put = load(above, row, SIZE)
            back = fma(second, weights[4 * unit + 1], first * weights[4 * unit])
            store(above, row, fma(third, weights[4 * unit + 2], back))
        store(projection, at, fma(first, put, load(projection, at, SIZE)))
        store(projection, at + WIDTH, fma(second, put, load(projection, at + WIDTH, SIZE)))
        store(projection, at + 2 * WIDTH, fma(third, put, load(projection, at + 2 * WIDTH, SIZE)))
