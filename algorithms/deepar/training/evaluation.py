"""The test channel: how well the end of each series is forecast from what came before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.accuracy import Losses, losses_of, measures
from forecastle.algorithms.deepar.training.dataset import read_dataset
from forecastle.algorithms.deepar.wish import wish_of_test
from forecastle.algorithms.interface import Job, Model
from forecastle.contract.errors import InvalidData, Stopped

SEED = 0  # the same model and data always have the same scores
BATCHES_PER_LINE = 10


def evaluate(model: Model[Any, Any], job: Job[DeepARHyperparameters]) -> dict[str, float]:
    """Forecast the last prediction_length values of each series of the test channel, and compare.

    Source: "How DeepAR Works" and "Tune a DeepAR Model", AWS's developer guide. Series of fewer values are left out.
    Raises `InvalidData` where nothing is left to compare with.
    """
    assert isinstance(model, DeepARModel)
    log, asked, network = job.log, job.hyperparameters, model.network
    log.line("Successfully serialized the model for prediction.")  # it is on disk before it is scored
    if "test" not in job.channels:
        log.line("Test data is not provided.")
        return {}
    wish = wish_of_test(asked, network.cardinality, network.num_dynamic_feat, "the train channel")
    found = read_dataset(job.channels["test"], wish, network.likelihood, job.stopping).series
    series = [one for one in found if len(one.target) >= network.prediction_length]
    log.line(f"Evaluating model accuracy on testset using {asked.num_eval_samples} samples")
    losses, batches = None, range(0, len(series), asked.mini_batch_size)
    for number, first in enumerate(batches, 1):
        if job.stopping():
            raise Stopped("The job was stopped while its model was scored on the test channel.")
        batch = series[first : first + asked.mini_batch_size]
        own = score(network, batch, asked.num_eval_samples, asked.test_quantiles, first, job.threads)
        losses = own if losses is None else losses + own
        if number % BATCHES_PER_LINE == 0:
            log.line(f"Number of test batches scored: {number}")
        log.progress(number / len(batches), note="scoring the test channel")
    if losses is None or not losses.values:
        raise InvalidData(
            f"Channel test: expected a series that ends with {network.prediction_length} values, "
            "not all of them missing, got none."
        )
    return _told(measures(losses, asked.test_quantiles), job)


def score(
    network: Network, series: Sequence[Series], num_samples: int, levels: Sequence[float], first: int, threads: int
) -> Losses:
    """Forecast the end of each series from its beginning; `first` is the position of the first one in its channel."""
    steps = network.prediction_length
    forecasts = forecast(
        network,
        [Series(one.start, one.target[:-steps], one.cat, one.dynamic_feat) for one in series],
        num_samples=num_samples,
        quantiles=levels,
        seed=SEED,
        positions=range(first, first + len(series)),
        threads=threads,
    )
    observed = np.stack([one.target[-steps:] for one in series]).astype(np.float64)  # (series, steps)
    mean = np.stack([one.mean for one in forecasts])
    quantiles = np.stack([one.quantiles for one in forecasts], axis=1)  # (levels, series, steps)
    return losses_of(observed, mean, quantiles, levels)


def _told(metrics: dict[str, float], job: Job[DeepARHyperparameters]) -> dict[str, float]:
    log = job.log
    for name, value in metrics.items():
        log.line(f"#test_score ({log.host}, {name}): {value}")
    for name in ("RMSE", "mean_wQuantileLoss"):  # what a tuning job may aim at
        log.line(f"#quality_metric: host={log.host}, test {name} <loss>={metrics[name]}")
    return {f"test:{name}": value for name, value in metrics.items()}
