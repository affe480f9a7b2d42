"""The epochs of a training: batches, the learning rate, checkpoints and the end, for all engines.

All random numbers of an epoch depend only on the seed and the epoch's number, so that a training that continues from a
checkpoint gives the same network as one that was never interrupted.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.training.averaging import WeightAverage
from forecastle.algorithms.deepar.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from forecastle.algorithms.deepar.training.learner import Learner, Trained, Watcher
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.windows import WindowSource
from forecastle.contract.errors import ForecastleError, InvalidJob

# GluonTS' `LearningRateReduction`, as its `Trainer` sets it.
DECAY = 0.5
DECAY_PATIENCE = 10
LEAST_RATE = 5e-5  # GluonTS ends the training there; ours continues with all epochs


def run(
    learner: Learner,
    source: WindowSource,
    settings: Settings,
    watcher: Watcher,
    stopping: Callable[[], bool],
    checkpoints: Path | None,
) -> Trained:
    """Train epoch by epoch, until all epochs are done, early stopping, or SIGTERM after a batch.

    The network has the average weights of some epochs, see `WeightAverage`, or those of the last or the best one.
    Raises `InvalidJob` if no batch of an epoch has a finite loss.
    """
    average = WeightAverage(settings.given.average_weights, settings.given.early_stopping_patience is not None)
    done = _resumed(learner, average, source, settings, watcher, checkpoints)
    losses, best = list(done.losses), done.best
    patience, interrupted, kept = settings.given.early_stopping_patience, None, True
    watcher.ready(len(losses))
    while len(losses) < settings.given.epochs and not _exhausted(losses, patience):
        epoch = len(losses)
        if epoch and stopping():
            break
        loss, windows, complete = _epoch(learner, source, settings, epoch, losses, watcher, stopping)
        if not complete:
            interrupted = loss
            break
        losses.append(loss)
        improved = _best(losses) == epoch
        average.add(learner.network().arrays(), losses)
        if patience is not None and improved:
            best = learner.state()
        if checkpoints is not None:
            state = learner.state()
            checkpoint = Checkpoint(tuple(losses), settings, source.fingerprint, state, best, average.state())
            kept = _kept(checkpoint, checkpoints, watcher, kept)
        watcher.epoch(epoch, loss, windows, improved)
    stopped = len(losses) < settings.given.epochs and not _exhausted(losses, patience)
    if patience is not None and losses:
        learner.restore(best)
        loss, epoch = losses[_best(losses)], _best(losses)
    else:
        loss = losses[-1] if interrupted is None else interrupted
        epoch = len(losses) - 1 if interrupted is None else len(losses)
    averaged = average.average(losses)
    if averaged is None or averaged.first == averaged.last:
        return Trained(learner.network(), tuple(losses), loss, epoch, None, stopped)
    span = (averaged.first, averaged.last)
    return Trained(settings.network(averaged.arrays), tuple(losses), loss, epoch, span, stopped)


def learning_rate(first: float, losses: Sequence[float]) -> float:
    """The rate after epochs with these losses: halved, down to a minimum, after ten in a row without improvement."""
    rate, best, since = first, math.inf, 0
    for loss in losses:
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since >= DECAY_PATIENCE:
            rate, since = max(DECAY * rate, min(first, LEAST_RATE)), 0
    return rate


def _resumed(
    learner: Learner,
    average: WeightAverage,
    source: WindowSource,
    settings: Settings,
    watcher: Watcher,
    checkpoints: Path | None,
) -> Checkpoint:
    """The checkpoint of an earlier run of the same job, or the beginning."""
    beginning = Checkpoint((), settings, source.fingerprint, {}, {}, {})
    if checkpoints is None:
        return beginning
    found = read_checkpoint(checkpoints, settings, source.fingerprint, watcher.notice)
    if found is None:
        return beginning
    try:
        learner.restore(found.state)
        average.restore(found.average)
    except (KeyError, ValueError):
        watcher.notice(f"The checkpoint in {checkpoints} is of another engine: training starts over.")
        return beginning
    watcher.notice(f"Continuing from the checkpoint in {checkpoints}: {len(found.losses)} epochs are done.")
    return found


def _kept(checkpoint: Checkpoint, folder: Path, watcher: Watcher, before: bool) -> bool:
    """Write the checkpoint, and return whether it was written: a failure does not end the training.

    It is reported only if the one `before` was written.
    """
    try:
        write_checkpoint(folder, checkpoint)
    except (ForecastleError, OSError) as error:
        if before:
            watcher.notice(f"{str(error).rstrip('.')}: training continues without a new checkpoint.")
        return False
    return True


def _epoch(
    learner: Learner,
    source: WindowSource,
    settings: Settings,
    epoch: int,
    losses: Sequence[float],
    watcher: Watcher,
    stopping: Callable[[], bool],
) -> tuple[float, int, bool]:
    """The mean loss of an epoch's batches, their number of windows, and whether all were done before SIGTERM.

    All batches have the same weight, whatever the last one's size, as in SageMaker's logs.
    """
    rng = np.random.default_rng([settings.seed, epoch])
    rate = learning_rate(settings.given.learning_rate, losses)
    drawn = source.draw(rng)
    seen: list[NDArray[np.float32]] = []
    for batch, first in enumerate(range(0, len(drawn), settings.given.mini_batch_size)):
        windows = source.batch(drawn[first : first + settings.given.mini_batch_size])
        seed, spread = int(rng.integers(2**31)), settings.given.scale_augmentation
        if spread:
            # The density of a value that is multiplied is divided: the logarithm makes the losses those of the data.
            logarithms = (spread * rng.standard_normal(len(windows))).astype(np.float32)
            of_batch = learner.step(windows.scaled(np.exp(logarithms)), rate, seed) - logarithms
        else:
            of_batch = learner.step(windows, rate, seed)
        watcher.batch(epoch, batch, of_batch)
        seen.append(of_batch)
        if stopping():
            break
    means = [float(finite.mean(dtype=np.float64)) for finite in map(_finite, seen) if len(finite)]
    if not means:
        raise InvalidJob(
            f"The loss of epoch {epoch} is not a finite number: lower the hyperparameter learning_rate, "
            f"{settings.given.learning_rate}, or use another likelihood than {settings.given.likelihood.name}."
        )
    windows_seen = sum(map(len, seen))
    return float(np.mean(means)), windows_seen, windows_seen == len(drawn)


def _finite(losses: NDArray[np.float32]) -> NDArray[np.float32]:
    finite: NDArray[np.float32] = losses[np.isfinite(losses)]
    return finite


def _best(losses: Sequence[float]) -> int:
    return losses.index(min(losses))


def _exhausted(losses: Sequence[float], patience: int | None) -> bool:
    return patience is not None and bool(losses) and len(losses) - 1 - _best(losses) >= patience
