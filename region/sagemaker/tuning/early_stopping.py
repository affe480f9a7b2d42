"""Early stopping of training jobs that are worse than the median of completed ones.

Source: "Stop Training Jobs Early", AWS's developer guide: a job's best value after an epoch against the median of the
averages of those that have completed, up to the same epoch.
"""

from collections.abc import Sequence
from statistics import fmean, median

FEWEST = 3  # completed jobs to compare with


def falls_behind(values: Sequence[float], completed: Sequence[Sequence[float]], maximize: bool) -> bool:
    """Whether a job with these values of the objective, one per epoch, should stop."""
    epoch = len(values)
    if epoch == 0:
        return False
    comparable = [fmean(each[:epoch]) for each in completed if len(each) >= epoch]
    if len(comparable) < FEWEST:
        return False
    middle = median(comparable)
    return max(values) < middle if maximize else min(values) > middle
