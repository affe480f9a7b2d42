"""Missing values that are the network's own means: forward from step to step, and their gradients backward.

A value of the context, or of the steps to forecast, that is missing is the mean of the distribution that the network
expects at its step, and lags of later steps take it: its gradient flows through them. Steps that wait for no mean of
another are run together, so that windows without missing values cost nothing more.
"""

from forecastle.algorithms.deepar.inference.draw import mean_of
from forecastle.algorithms.deepar.training.native.loss import gradients_of_mean
from forecastle.algorithms.deepar.training.native.plan import SIZE, WIDTH, PackedWeights, Plan, Workspace
from forecastle.kernels.compiled import inlined, part
from forecastle.kernels.lanes import fma, load, store
from forecastle.kernels.pointer import memory


@part
def end_after(plan: Plan, first: int, work: Workspace) -> int:
    """The end of the steps that can be run together from `first` on: the next mean's, or that of all."""
    if plan.missing_is_mean:
        for step in range(first, plan.steps - 1):
            if _any_missing(step, work):
                return step + 1
    return plan.steps


@part
def begin_before(plan: Plan, stop: int, work: Workspace) -> int:
    """The first of the steps that were run together up to `stop`."""
    if plan.missing_is_mean:
        for step in range(stop - 2, -1, -1):
            if _any_missing(step, work):
                return step + 1
    return 0


@inlined
def _any_missing(step: int, work: Workspace) -> bool:
    """Whether the step's value is a mean in any window."""
    count = 0.0
    for lane in range(WIDTH):
        count += work.missing[step * WIDTH + lane]
    return count > 0


@part
def write_means(plan: Plan, step: int, work: Workspace) -> None:
    """Write the means over the scale, from the step's projection, `work.head`, where the value is missing."""
    for lane in range(WIDTH):
        if work.missing[step * WIDTH + lane] > 0:
            first, second = float(work.head[lane]), float(work.head[WIDTH + lane])
            work.values[(plan.lags[-1] + step) * WIDTH + lane] = mean_of(plan.likelihood, first, second)


@part
def mean_gradients(plan: Plan, step: int, work: Workspace) -> None:
    """From the gradients of the step's means to those of the parameters before their links: `work.head`, rows 8 and 9.

    They are 0 where the value is not a mean.
    """
    head = work.head
    for lane in range(WIDTH):
        of_first, of_second, place = 0.0, 0.0, step * WIDTH + lane
        if work.missing[place] > 0:
            gradient, first, second = work.value_gradients[place], head[lane], head[WIDTH + lane]
            of_first, of_second = gradients_of_mean(plan.likelihood, float(gradient), float(first), float(second))
        head[8 * WIDTH + lane], head[9 * WIDTH + lane] = of_first, of_second


@part
def add_value_gradients(plan: Plan, step: int, slot: int, packed: PackedWeights, work: Workspace) -> None:
    """Add the gradients of the means that the step's lags take, from those of its gates in layer 0, at `slot`."""
    gradients, weights, values = memory(work.step_gradients), memory(packed.lags), memory(work.value_gradients)
    rows = 4 * plan.cells
    for number in range(len(plan.lags)):
        taken = step - plan.lags[number]
        if taken < 0:
            break
        if not _any_missing(taken, work):
            continue
        sums = load(values, taken * WIDTH, SIZE)
        weight, slope = number * rows, slot * rows * WIDTH
        for row in range(rows):
            sums = fma(load(gradients, slope + row * WIDTH, SIZE), weights[weight + row], sums)
        store(values, taken * WIDTH, sums)
