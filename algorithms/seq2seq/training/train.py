"""Training: batches, the learning rate, checkpoints, early stopping and the end.

All random numbers of a batch depend only on the seed and the batch's number, so that a training that continues from a
checkpoint gives the same network as one that was never interrupted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.checkpoint import BEGINNING, Checkpoint, read_checkpoint, write_checkpoint
from forecastle.algorithms.seq2seq.training.learner import Batch, Learner
from forecastle.algorithms.seq2seq.training.log import TrainingLog
from forecastle.algorithms.seq2seq.training.plan import Plan
from forecastle.algorithms.seq2seq.training.schedule import best_checkpoint, exhausted, learning_rate
from forecastle.algorithms.seq2seq.training.validation import Metrics, Validation
from forecastle.contract.errors import ForecastleError, InvalidJob


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trained:
    """A trained network, and its metrics on the validation pairs; {} if it was never validated.

    Attributes
    ----------
    batches, checkpoint : the batches that were trained, and the number of the checkpoint that the network is from,
        counted from 1; 0 if it is the state at the end.
    stopped : whether SIGTERM ended the training.
    """

    network: Network
    metrics: Metrics
    batches: int
    checkpoint: int
    stopped: bool


def limit_of(plan: Plan, batches: int) -> int | None:
    """The number of batches after which training ends in any case; `batches` are an epoch."""
    given = plan.given
    limits = [] if given.max_num_epochs is None else [given.max_num_epochs * batches]
    return min([*limits, *([given.max_num_batches] if given.max_num_batches >= 0 else [])], default=None)


def train(
    learner: Learner,
    batches: Batches,
    validation: Validation,
    plan: Plan,
    log: TrainingLog,
    stopping: Callable[[], bool],
    checkpoints: Path | None,
) -> Trained:
    """Train until the limit, early stopping, or SIGTERM after a batch; the network is that of the best checkpoint.

    Raises `InvalidJob` if the loss of every batch between two checkpoints is not finite.
    """
    given = plan.given
    start = _resumed(learner, plan, log, checkpoints)
    done, metrics, best, kept = start.batches, [dict(each) for each in start.metrics], start.best, True
    every, limit, stopped, finite = (
        given.checkpoint_frequency_num_batches,
        limit_of(plan, len(batches)),
        False,
        False,
    )

    def scores() -> list[float]:
        return [each[given.optimized_metric] for each in metrics]

    for batch, seed in _from(batches, plan.seed, done):
        if (limit is not None and done >= limit) or exhausted(scores(), given):
            break
        if stopping():
            stopped = True
            break
        outcome = learner.step(batch, learning_rate(done, scores(), given, limit), seed)
        done += 1
        finite |= bool(np.isfinite(outcome.negative_log_likelihood))
        log.batch(done, len(batch.source), outcome)
        if done % every == 0 or done == limit:
            if not finite:
                raise InvalidJob(
                    f"The loss of every batch up to {done} is not a finite number: lower the hyperparameter "
                    f"learning_rate, {given.learning_rate}."
                )
            metrics.append(validation.metrics(learner))
            improved, finite = best_checkpoint(scores(), given.optimized_metric) == len(metrics) - 1, False
            if improved:
                best = _copied(learner.network().arrays())
            if checkpoints is not None:
                kept = _kept(Checkpoint(done, metrics, learner.state(), best), checkpoints, plan, log, kept)
            log.checkpoint(len(metrics), done, metrics[-1], improved, learning_rate(done, scores(), given, limit))
    if not metrics:
        return Trained(learner.network(), {}, done, 0, stopped)
    chosen = best_checkpoint(scores(), given.optimized_metric)
    network = Network.from_artifact(learner.network().parameters(), best)
    return Trained(network, metrics[chosen], done, chosen + 1, stopped)


def _from(batches: Batches, seed: int, done: int) -> Iterator[tuple[Batch, int]]:
    """The batches after the first `done`, without end, each with the seed of its random numbers."""
    epoch, skipped = divmod(done, len(batches))
    while True:
        for number, rows in enumerate(batches.epoch(seed, epoch)):
            if number >= skipped:
                yield batches.batch(rows), int(np.random.default_rng([seed, epoch, number]).integers(2**31))
        epoch, skipped = epoch + 1, 0


def _resumed(learner: Learner, plan: Plan, log: TrainingLog, checkpoints: Path | None) -> Checkpoint:
    """The checkpoint of an earlier run of the same job, or the beginning."""
    found = None if checkpoints is None else read_checkpoint(checkpoints, plan, log.notice)
    if found is None:
        return BEGINNING
    try:
        learner.restore(found.state)
    except (KeyError, ValueError):
        log.notice(f"The checkpoint in {checkpoints} is of another engine: training starts over.")
        return BEGINNING
    log.notice(f"Continuing from the checkpoint in {checkpoints}: {found.batches} batches are done.")
    return found


def _kept(checkpoint: Checkpoint, folder: Path, plan: Plan, log: TrainingLog, before: bool) -> bool:
    """Write the checkpoint, and return whether it was written: a failure does not end the training.

    It is reported only if the one `before` was written.
    """
    try:
        write_checkpoint(folder, checkpoint, plan)
    except (ForecastleError, OSError) as error:
        if before:
            log.notice(f"{str(error).rstrip('.')}: training continues without a new checkpoint.")
        return False
    return True


def _copied(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: array.copy() for name, array in arrays.items()}
