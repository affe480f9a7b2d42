"""A series' scale: the mean of |y| over the observed values of the context. Source: GluonTS' `MeanScaler`."""

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.kernels.compiled import kernel

MINIMUM_SCALE = 1e-10


@kernel
def mean_magnitude(target: Floats, context: int) -> float:
    """The mean of |y| over the last `context` values of a target, (length,), without NaN; 0 if there is none."""
    total, observed = 0.0, 0
    for index in range(max(0, len(target) - context), len(target)):
        if not np.isnan(target[index]):
            total += abs(target[index])
            observed += 1
    return total / max(observed, 1)


@kernel
def scales_of(past: Floats, observed: Floats, context: int, default: float) -> Floats:
    """The scale of each window of a batch, (n,); if it is 0 or unknown, `default`.

    Parameters
    ----------
    past, observed : (n, history), the values, and 1 if they are observed, else 0.
    context : the number of last values of the history that are used.
    default : 0 is the mean of |y| over all windows.
    """
    count, length = past.shape
    scales = np.empty(count, np.float32)
    total, known = 0.0, 0.0
    for window in range(count):
        of_window, seen = 0.0, 0.0
        for place in range(length - context, length):
            of_window += abs(past[window, place]) * observed[window, place]
            seen += observed[window, place]
        scales[window] = of_window / max(seen, 1.0)
        total += of_window
        known += seen
    for window in range(count):
        if not (scales[window] > 0 or np.isnan(scales[window])):
            scales[window] = default if default > 0 else total / max(known, 1.0)
        scales[window] = max(scales[window], np.float32(MINIMUM_SCALE))
    return scales
