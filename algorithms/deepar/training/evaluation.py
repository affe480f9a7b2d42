"""Evaluation on the test channel: the end of each series is forecast from its beginning, and compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.dataset import Dataset
from forecastle.algorithms.deepar.training.fields import fields_of_test
from forecastle.algorithms.deepar.training.metrics import Losses, losses_of, metrics_of
from forecastle.algorithms.deepar.training.shards import read_everywhere
from forecastle.algorithms.interface import Job, JobLog, Model
from forecastle.contract.errors import InvalidData, Stopped
from forecastle.contract.place import Source

SEED = 0  # the same model and data always have the same scores
BATCHES_PER_LINE = 10


class TrainedModel(DeepARModel):
    """A model that was just trained, with the test channel that its job read before the training, if it has one."""

    test: Dataset | None = None


def read_test(job: Job[DeepARHyperparameters], cardinality: tuple[int, ...], dynamic: int, place: str) -> Dataset:
    """Read the job's test channel, whose records must have the fields of the train channel; `place` names that.

    Raises `InvalidData` also if there is nothing to compare a forecast with.
    """
    fields = fields_of_test(job.hyperparameters, cardinality, dynamic, place)
    test = read_everywhere(job.channels["test"], fields, job.hyperparameters.likelihood, job.stopping, job.group)
    steps = job.hyperparameters.prediction_length
    if all(len(each.target) < steps or np.isnan(each.target[-steps:]).all() for each in test.series):
        expected = f"a series that ends with {steps} values, not all of them missing"
        raise InvalidData(place=(Source("Channel test"),), expected=expected, got="none")
    return test


def evaluate(model: Model[Any, Any], job: Job[DeepARHyperparameters]) -> dict[str, float]:
    """Forecast the last prediction_length values of each series of the test channel, and compare.

    Source: "How DeepAR Works" and "Tune a DeepAR Model", AWS's developer guide. Shorter series are left out. A model
    with a calibration also has the metrics of calibrated quantiles. Of several hosts the leading one does it, for the
    series of all.
    """
    assert isinstance(model, DeepARModel)
    log, given, network, levels = job.log, job.hyperparameters, model.network, job.hyperparameters.test_quantiles
    if not job.group.leads:
        return {}
    if "test" not in job.channels:
        log.line("Test data is not provided.")
        return {}
    test = model.test if isinstance(model, TrainedModel) else None
    if test is None:
        test = read_test(job, network.cardinality, network.num_dynamic_feat, "the train channel")
    series = [each for each in test.series if len(each.target) >= network.prediction_length]
    log.line(f"Evaluating model accuracy on testset using {given.num_eval_samples} samples")
    asked = [*levels] if model.calibration is None else [*levels, *map(model.calibration.level, levels)]
    losses: list[Losses] = []
    batches = range(0, len(series), given.mini_batch_size)
    for number, first in enumerate(batches, 1):
        if job.stopping():
            raise Stopped("The job was stopped while its model was scored on the test channel.")
        batch = series[first : first + given.mini_batch_size]
        of_batch = score(network, batch, given.num_eval_samples, levels, asked, first, job.threads)
        losses = [sum_ + part for sum_, part in zip(losses, of_batch)] if losses else of_batch
        if number % BATCHES_PER_LINE == 0:
            log.line(f"Number of test batches scored: {number}")
        log.progress(number / len(batches), note="scoring the test channel")
    metrics = metrics_of(losses[0], levels)
    _log_metrics(metrics, log)
    for calibrated in losses[1:]:
        found = {
            f"calibrated_{name}": value for name, value in metrics_of(calibrated, levels).items() if name != "RMSE"
        }
        _log_metrics(found, log)
        metrics |= found
    return {f"test:{name}": value for name, value in metrics.items()}


def score(
    network: Network,
    series: Sequence[Series],
    num_samples: int,
    levels: Sequence[float],
    asked: Sequence[float],
    first: int,
    threads: int,
) -> list[Losses]:
    """Forecast the end of each series from its beginning; `first` is the position of the first one in its channel.

    `asked` are the quantiles that are forecast, once or several times as many as the `levels` that they are for.
    """
    steps = network.prediction_length
    forecasts = forecast(
        network,
        [Series(each.start, each.target[:-steps], each.cat, each.dynamic_feat) for each in series],
        num_samples=num_samples,
        quantiles=asked,
        seed=SEED,
        positions=range(first, first + len(series)),
        threads=threads,
    )
    observed = np.stack([each.target[-steps:] for each in series]).astype(np.float64)  # (series, steps)
    mean = np.stack([each.mean for each in forecasts])
    quantiles = np.stack([each.quantiles for each in forecasts], axis=1)  # (levels, series, steps)
    parts = [quantiles[start : start + len(levels)] for start in range(0, len(asked), len(levels))]
    return [losses_of(observed, mean, part, levels) for part in parts]


def _log_metrics(metrics: dict[str, float], log: JobLog) -> None:
    for name, value in metrics.items():
        log.line(f"#test_score ({log.host}, {name}): {value}")
    for name in metrics:
        if name.endswith(("RMSE", "mean_wQuantileLoss")):  # the objectives of a tuning job
            log.line(f"#quality_metric: host={log.host}, test {name} <loss>={metrics[name]}")
    for name in metrics:
        if "coverage" in name:
            log.line(f"#quality_metric: host={log.host}, test {name} <score>={metrics[name]}")
