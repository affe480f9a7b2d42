"""A training job of DeepAR: from the channels' bytes to a network, with SageMaker's log lines."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from forecastle.algorithms.deepar.history import History, example_of
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.calibration import Calibration
from forecastle.algorithms.deepar.training.calibration import (
    STOPPED,
    HeldOut,
    Uncalibrated,
    calibrate_by_training,
    hold_out,
)
from forecastle.algorithms.deepar.training.checkpoint import seed_in, shared
from forecastle.algorithms.deepar.training.dataset import (
    Dataset,
    Statistics,
    read_dataset,
    read_shard,
    statistics,
)
from forecastle.algorithms.deepar.training.evaluation import TrainedModel, read_test
from forecastle.algorithms.deepar.training.fields import fields_of_train
from forecastle.algorithms.deepar.training.kind import GLUONTS
from forecastle.algorithms.deepar.training.learner import Trained
from forecastle.algorithms.deepar.training.log import TrainingLog, log_fields, log_statistics
from forecastle.algorithms.deepar.training.settings import Facts, Settings
from forecastle.algorithms.deepar.training.shards import read_everywhere
from forecastle.algorithms.deepar.training.team import Team
from forecastle.algorithms.deepar.training.train import train as train_network
from forecastle.algorithms.deepar.training.windows import work_per_epoch
from forecastle.algorithms.interface import Job, JobLog
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source

FEWEST_OBSERVATIONS = 300
MOST_WAITING = 0.5


def fit(job: Job[DeepARHyperparameters]) -> TrainedModel:
    """Train a network on the train channel, with SageMaker's log lines.

    The test channel is also read before the training, so that an error in it is found in time. A job that is stopped by
    SIGTERM keeps the model trained so far. Raises `InvalidData` for an error in the data, `InvalidJob` if the
    hyperparameters do not fit it, `Stopped` on SIGTERM before there is a model.
    """
    given, line = job.hyperparameters, job.log.line
    name = job.settings.engine
    if given.early_stopping_patience is not None:
        line(f"Using early stopping with patience {given.early_stopping_patience}")
    train = read_everywhere(job.channels["train"], fields_of_train(given), given.likelihood, job.stopping, job.group)
    log_fields(given, train, job.log)
    numbers = log_statistics(train, "Training", job.log)
    _require_enough(numbers)
    _warn(given, train, numbers, job.log)
    work = work_per_epoch(numbers.series, given.mini_batch_size)
    if work.share < 1:
        line(f"Small number of time series. Doing {work.passes} passes over dataset with prob {work.share} per epoch.")
    test = None
    if "test" in job.channels:
        test = read_test(job, train.cardinality, train.num_dynamic_feat, f"the train channel ({train.first})")
        log_statistics(test, "Test", job.log)
    held_out = hold_out(train.series, given.prediction_length) if given.calibrate else None
    line("Number of GPUs being used: 0")
    settings = _settings(given, name, train, numbers, job.checkpoints)
    settings = replace(settings, seed=int(job.group.broadcast(str(settings.seed).encode())))
    team, began = Team(job.group, job.stopping), time.perf_counter()
    with shared(job.checkpoints, job.group) as checkpoints:
        trained = train_network(
            train.series,
            settings,
            TrainingLog(job.log, given, work.windows),
            job.stopping,
            engine=name,
            checkpoints=checkpoints,
            threads=job.threads,
            team=team,
        )
    _log_waiting(team, time.perf_counter() - began, job.log)
    if trained.stopped:
        line("Stopped by SIGTERM: the model is the one trained so far.")
    elif len(trained.losses) < given.epochs:
        line(f"Loading parameters from best epoch ({trained.epoch})")
        line("stopping training now")
        line(f"#progress_metric: host={job.log.host}, completed 100 % of epochs")
    line(f"Final loss: {trained.loss} (occurred at epoch {trained.epoch})")
    line(f"#quality_metric: host={job.log.host}, train final_loss <loss>={trained.loss}")
    if trained.averaged is not None:
        first, last = trained.averaged
        line(f"The model has the average weights of epochs {first} to {last}.")
    calibration, uncalibrated = None, None
    if held_out is not None:
        found = _calibrated(held_out, settings, trained, job, team)
        if isinstance(found, Uncalibrated):
            uncalibrated = found.reason
        else:
            calibration = found
    history = History(
        losses=trained.losses,
        epoch=trained.epoch,
        series=numbers.series,
        observations=numbers.observations,
        **example_of((train if test is None else test).series, trained.network),
    )
    metrics = {"train:final_loss": trained.loss}
    model = TrainedModel(
        trained.network,
        metrics=metrics,
        seed=settings.seed,
        averaged=trained.averaged,
        calibration=calibration,
        uncalibrated=uncalibrated,
        history=history,
    )
    model.test = test
    return model


def _calibrated(
    held_out: HeldOut, settings: Settings, trained: Trained, job: Job[DeepARHyperparameters], team: Team
) -> Calibration | Uncalibrated:
    """Calibrate the trained network; a failure is logged, and costs only the calibration."""
    if trained.stopped:
        return Uncalibrated(STOPPED)
    windows = len(held_out.known)
    job.log.line(f"Calibrating quantiles: another network is trained, and forecasts held-out windows ({windows}).")
    found = calibrate_by_training(held_out, settings, job.log, job.stopping, job.settings.engine, job.threads, team)
    if isinstance(found, Uncalibrated):
        if found.reason == STOPPED:
            job.log.line("Stopped by SIGTERM: the model has no calibration.")
        else:
            job.log.warning(f"The model has no calibration. {found.reason}")
    return found


def _log_waiting(team: Team, seconds: float, log: JobLog) -> None:
    """Log how long this host has waited for the others, and warn if that was more than half of the time."""
    if team.size > 1:
        share = team.waited / max(seconds, 1e-9)
        log.line(f"Exchanging gradients with the other hosts took {share:.0%} of the training time.")
        if share > MOST_WAITING and team.leads:
            log.warning(
                f"One host would be about as fast as these {team.size}: a larger mini_batch_size gives each more to do "
                "between two exchanges."
            )


def examine(job: Job[DeepARHyperparameters]) -> Iterator[str]:
    """Read all series without training, and yield a line for each channel. Raises what `fit` raises on data."""
    channel, fields = job.channels["train"], fields_of_train(job.hyperparameters)
    reader = read_shard if channel.may_be_empty else read_dataset
    train = reader(channel, fields, job.hyperparameters.likelihood, job.stopping)
    if train is None:
        yield "Channel train: this host has no series."
        return
    numbers = statistics(train.series)
    if not channel.may_be_empty:  # the shards of other hosts count, too
        _require_enough(numbers)
    _warn(job.hyperparameters, train, numbers, job.log)
    if job.hyperparameters.calibrate:
        hold_out(train.series, job.hyperparameters.prediction_length)
    yield _described("train", numbers)
    if "test" in job.channels:
        test = read_test(job, train.cardinality, train.num_dynamic_feat, f"the train channel ({train.first})")
        yield _described("test", statistics(test.series))


def _described(name: str, numbers: Statistics) -> str:
    missing = "some are missing" if numbers.missing else "none is missing"
    return (
        f"Channel {name}: {numbers.series:,} series with {numbers.observations:,} values from {numbers.smallest:g} to "
        f"{numbers.largest:g}; {missing}."
    )


def _require_enough(numbers: Statistics) -> None:
    if numbers.observations < FEWEST_OBSERVATIONS:
        expected = f"at least {FEWEST_OBSERVATIONS} observations in all"
        raise InvalidData(place=(Source("Channel train"),), expected=expected, got=str(numbers.observations))


def _warn(given: DeepARHyperparameters, train: Dataset, numbers: Statistics, log: JobLog) -> None:
    """Warn about data that may be a mistake; SageMaker refuses it if all values are zero."""
    if numbers.mean_absolute == 0:
        log.warning(
            "Channel train: every value that is not missing is 0, so the model will forecast hardly anything else."
        )
    if given.cardinality != "auto":
        return  # given explicitly: the data may be a part of all
    for index, size in enumerate(train.cardinality):
        seen = {series.cat[index] for series in train.series}
        if len(seen) < size:
            missing = next(value for value in range(size) if value not in seen)
            log.warning(
                f"Channel train: cat[{index}] has {len(seen)} of the categories from 0 to {size - 1}; {missing}, for "
                "example, is in no record. Those are accepted in requests, though nothing was learned for them: number "
                "categories from 0, without gaps."
            )


def _settings(
    given: DeepARHyperparameters, engine: str, train: Dataset, numbers: Statistics, checkpoints: Path | None
) -> Settings:
    if engine == "mxnet" and given.network == "auto":
        given = given.model_copy(update={"network": GLUONTS.name})
    seed = given.seed
    if seed is None and checkpoints is not None:
        seed = seed_in(checkpoints)
    facts = Facts(train.cardinality, train.num_dynamic_feat, numbers.mean_absolute)
    return Settings(given, facts, secrets.randbits(63) if seed is None else seed)
