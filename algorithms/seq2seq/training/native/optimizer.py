"""A step of MXNet's optimisers.

    adam     Kingma, Ba, "Adam: A method for stochastic optimization", 2015; epsilon is added after the correction of
             the moments' bias
    sgd      with momentum, if any
    rmsprop  Tieleman, Hinton, "Lecture 6.5", 2012

All are elementwise, so it does not matter where a vector is cut.
"""

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.functions import LANES, ONE, total
from forecastle.algorithms.seq2seq.training.settings import RMSPROP_DECAY, Optimization
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import Floats as Lanes
from forecastle.kernels.lanes import fma, load, maximum, minimum, spread, square_root, store
from forecastle.kernels.pointer import memory

_UNBOUNDED = 3e38


def descend(
    how: Optimization,
    rate: float,
    steps: int,
    factor: float,
    weights: Floats,
    gradients: tuple[Floats, Floats],
    means: Floats,
    squares: Floats,
) -> None:
    """Update weights in place, and what an optimiser remembers.

    Parameters
    ----------
    steps : how many there are with this one.
    factor : of the gradients.
    weights : (size,), a multiple of LANES.
    gradients : two vectors, (size,), whose sum is the gradient.
    means : (size,): adam's first moments, or sgd's momentum.
    squares : (size,): the means of squared gradients, of adam and rmsprop.
    """
    clip = how.clip_gradient if how.clip_gradient >= 0 else _UNBOUNDED
    decay = how.weight_decay
    if how.optimizer_type == "sgd":
        sgd(weights, *gradients, means, factor, decay, clip, rate, how.momentum)
    elif how.optimizer_type == "rmsprop":
        rmsprop(weights, *gradients, squares, factor, decay, clip, rate, RMSPROP_DECAY, how.epsilon)
    else:
        rate *= (1 - how.beta2**steps) ** 0.5 / (1 - how.beta1**steps)
        adam(
            weights,
            *gradients,
            means,
            squares,
            factor,
            decay,
            clip,
            rate,
            how.beta1,
            how.beta2,
            how.epsilon,
        )


@inlined
def _clipped(gradient: Lanes, clip: float) -> Lanes:
    return maximum(minimum(gradient, clip), -clip)


@kernel
def adam(
    weights: Floats,
    first: Floats,
    second: Floats,
    means: Floats,
    squares: Floats,
    factor: float,
    decay: float,
    clip: float,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """Adam, for the sum of the gradients `first` and `second`; all arrays are (size,)."""
    w, g, h, m, v = memory(weights), memory(first), memory(second), memory(means), memory(squares)
    for at in range(0, len(weights), LANES):
        weight = load(w, at, ONE)
        gradient = _clipped((load(g, at, ONE) + load(h, at, ONE)) * factor + weight * decay, clip)
        mean = fma(load(m, at, ONE) - gradient, beta1, gradient)
        square = gradient * gradient
        square = fma(load(v, at, ONE) - square, beta2, square)
        store(m, at, mean)
        store(v, at, square)
        store(w, at, weight - mean * rate / (square_root(square) + epsilon))


@kernel
def sgd(
    weights: Floats,
    first: Floats,
    second: Floats,
    means: Floats,
    factor: float,
    decay: float,
    clip: float,
    rate: float,
    momentum: float,
) -> None:
    """Gradient descent; weights decay beside the clipped gradient."""
    w, g, h, m = memory(weights), memory(first), memory(second), memory(means)
    for at in range(0, len(weights), LANES):
        weight = load(w, at, ONE)
        gradient = _clipped((load(g, at, ONE) + load(h, at, ONE)) * factor, clip) + weight * decay
        moved = load(m, at, ONE) * momentum - gradient * rate
        store(m, at, moved)
        store(w, at, weight + moved)


@kernel
def rmsprop(
    weights: Floats,
    first: Floats,
    second: Floats,
    squares: Floats,
    factor: float,
    decay: float,
    clip: float,
    rate: float,
    remembered: float,
    epsilon: float,
) -> None:
    """RMSProp; epsilon is added to the mean square, below the root."""
    w, g, h, v = memory(weights), memory(first), memory(second), memory(squares)
    for at in range(0, len(weights), LANES):
        weight = load(w, at, ONE)
        gradient = _clipped((load(g, at, ONE) + load(h, at, ONE)) * factor + weight * decay, clip)
        square = gradient * gradient
        square = fma(load(v, at, ONE) - square, remembered, square)
        store(v, at, square)
        store(w, at, weight - gradient * rate / square_root(square + epsilon))


@kernel
def square_sum(first: Floats, second: Floats) -> float:
    """The sum of squares of two vectors' sum, (size,)."""
    g, h, sums = memory(first), memory(second), spread(0.0, ONE)
    for at in range(0, len(first), LANES):
        gradient = load(g, at, ONE) + load(h, at, ONE)
        sums = fma(gradient, gradient, sums)
    return float(total(sums, np.empty(LANES, np.float32)))
