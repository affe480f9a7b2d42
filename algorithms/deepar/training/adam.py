"""A step of MXNet's Adam: Kingma, Ba, "Adam: A method for stochastic optimization", 2015.

Unlike in the paper, epsilon is added after the correction of the moments' bias; gradients are clipped elementwise.
"""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.kernels.compiled import kernel

# GluonTS' `Trainer`, and MXNet's Adam.
CLIP_GRADIENT = 10.0
WEIGHT_DECAY = 1e-8
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def learning_rate_at(rate: float, step: int) -> float:
    """The learning rate times the correction of the moments' bias; steps count from 1."""
    return float(rate * (1 - BETA2**step) ** 0.5 / (1 - BETA1**step))


@kernel
def descend(
    weights: Floats, means: Floats, variances: Floats, gradients: Floats, factor: float, learning_rate: float
) -> None:
    """Update the weights in place with `factor` times the sum of the gradients' rows.

    Parameters
    ----------
    weights, means, variances : (size,), updated; the last two are Adam's moments.
    gradients : (shares, size).
    """
    clip, decay, epsilon = np.float32(CLIP_GRADIENT), np.float32(WEIGHT_DECAY), np.float32(EPSILON)
    beta1, beta2, one = np.float32(BETA1), np.float32(BETA2), np.float32(1)
    scaled, rate = np.float32(factor), np.float32(learning_rate)
    for index in range(len(weights)):
        total = gradients[0, index]
        for row in range(1, len(gradients)):
            total += gradients[row, index]
        gradient = total * scaled + decay * weights[index]
        gradient = clip if gradient > clip else -clip if gradient < -clip else gradient
        means[index] = beta1 * means[index] + (one - beta1) * gradient
        variances[index] = beta2 * variances[index] + (one - beta2) * gradient * gradient
        weights[index] -= rate * means[index] / (np.sqrt(variances[index]) + epsilon)
