"""The learning rate, and when training stops: pure functions of the checkpoints so far."""

import math
from collections.abc import Sequence

from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters


def best_checkpoint(scores: Sequence[float], optimized_metric: str) -> int:
    """The index of the best of the checkpoints' scores, the first of equal ones; a NaN is never the best."""
    sign = 1.0 if optimized_metric == "perplexity" else -1.0
    ranks = [math.inf if math.isnan(score) else sign * score for score in scores]
    return ranks.index(min(ranks))


def exhausted(scores: Sequence[float], given: Seq2SeqHyperparameters) -> bool:
    """Whether early stopping ends the training; it is off if `max_num_epochs` is given, as on SageMaker."""
    if given.max_num_epochs is not None or not scores:
        return False
    best = best_checkpoint(scores, given.optimized_metric)
    return len(scores) - 1 - best >= given.checkpoint_threshold


def learning_rate(
    batches: int, scores: Sequence[float], given: Seq2SeqHyperparameters, limit: int | None = None
) -> float:
    """The rate of the next batch after so many, and after checkpoints with these scores; training ends at `limit`."""
    if given.lr_scheduler_type == "cosine" and limit:
        return given.learning_rate * (1 + math.cos(math.pi * min(batches / limit, 1.0))) / 2
    half_life = given.fixed_rate_lr_half_life * given.checkpoint_frequency_num_batches
    if given.lr_scheduler_type == "fixed_rate_inv_t":
        return given.learning_rate / (1 + batches / half_life)
    if given.lr_scheduler_type == "fixed_rate_inv_sqrt_t":
        return given.learning_rate / math.sqrt(1 + 3 * batches / half_life)
    rate, since, best = given.learning_rate, 0, -1
    for number in range(len(scores)):
        found = best_checkpoint(scores[: number + 1], given.optimized_metric)
        since = 0 if found != best else since + 1
        best = found
        if since >= given.plateau_reduce_lr_threshold:
            rate, since = rate * given.plateau_reduce_lr_factor, 0
    return rate
