"""The genuine monthly model's forecasts beside those that SageMaker's own endpoint answered."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.answer import write_answer
from forecastle.algorithms.deepar.inference.configuration import BATCH, Configuration
from forecastle.algorithms.deepar.inference.forecast import Forecast, forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.sagemaker.artifact import adopt
from forecastle.algorithms.deepar.series import Series
from forecastle.contract.media_type import JSON, JSON_LINES
from tests.algorithms.deepar.sagemaker.genuine import DAILY, MONTHLY, needs_artifacts

Doubles = NDArray[np.float64]
SAMPLES_THERE = 100  # that the endpoint drew for each series
PATHS = 512


def network_in(folder: Path) -> Network:
    found = adopt(folder)
    assert found is not None
    return Network.from_artifact(found.parameters, found.arrays)


def squared_deviations(network: Network, series: list[Series], theirs: Doubles) -> Doubles:
    """z² of each step: 1 on average if both draw from the same distribution.

    The noise is theirs: that of the mean of our paths, which are more and not independent, is a tenth of it or less.
    """
    ours = forecast(network, series, num_samples=PATHS, quantiles=[0.5], seed=3, want_samples=True)
    samples = np.array([one.samples for one in ours], float)  # (series, paths, T)
    variance = samples.var(axis=1, ddof=1) / SAMPLES_THERE
    deviations: Doubles = (samples.mean(axis=1) - theirs) ** 2 / variance
    return deviations


@needs_artifacts
def test_350_forecasts_are_sagemakers_but_for_the_noise_of_its_samples() -> None:
    series = []
    for line in (MONTHLY / "input_2017.jsonl").read_text().splitlines():
        record = json.loads(line)
        start = np.datetime64(record["start"].replace(" ", "T"), "s")
        target, dynamic = np.array(record["target"], np.float32), np.array(record["dynamic_feat"], np.float32)
        series.append(Series(start, target, tuple(record["cat"]), dynamic))
    theirs = np.array([json.loads(line)["mean"] for line in (MONTHLY / "mean_2017.jsonl").read_text().splitlines()])

    deviations = squared_deviations(network_in(MONTHLY), series, theirs)

    assert theirs.shape == (350, 12)
    assert 0.9 < deviations.mean() < 1.15
    assert (deviations < 1.96**2).mean() > 0.94


@needs_artifacts
@pytest.mark.parametrize(
    ("cat", "theirs"),
    [
        ((2, 6), [921.1, 1267.0, 1441.4, 1480.5, 1468.1, 1561.6, 1463.5, 1538.9, 1476.5, 1466.2, 1495.7, 1507.6]),
        ((1, 6), [821.3, 1352.5, 1439.2, 1526.9, 1582.7, 1608.4, 1620.5, 1512.2, 1582.5, 1533.2, 1486.4, 1524.2]),
    ],
)
def test_series_without_a_value_are_forecast_as_by_sagemaker(cat: tuple[int, ...], theirs: list[float]) -> None:
    dynamic = [
        [1321, 1464, 1432, 1422, 1422, 1443, 1432, 1432, 1403, 1466, 1428, 1426],
        [20, 47, 117, 128, 146, 104, 120, 148, 174, 99, 91, 114],
    ]
    start = np.datetime64("2017-01-01T00:00:00", "s")
    series = Series(start, np.empty(0, np.float32), cat, np.array(dynamic, np.float32))

    deviations = squared_deviations(network_in(MONTHLY), [series], np.array([theirs]))

    assert deviations.mean() < 2


@needs_artifacts
def test_the_daily_model_goes_on_at_the_level_of_its_series() -> None:
    """There are no answers of SageMaker's to compare with."""
    generator = np.random.default_rng(0)
    weekly = 34_500 + 3_000 * np.sin(2 * np.pi * np.arange(976) / 7)
    target = (weekly + generator.normal(0, 500, 976)).astype(np.float32)
    series = Series(np.datetime64("2021-01-01T00:00:00", "s"), target)

    (ours,) = forecast(network_in(DAILY), [series], num_samples=1024, quantiles=[0.1, 0.9], seed=0)

    assert (np.abs(ours.mean / 34_500 - 1) < 0.5).all()
    assert (ours.quantiles[0] < ours.mean).all()
    assert (ours.mean < ours.quantiles[1]).all()


def written(mean: list[float], quantiles: list[list[float]], wanted: Configuration, media_type: str) -> bytes:
    forecasts = [Forecast(np.array(mean, np.float32), np.array(quantiles, np.float32), None)]
    return write_answer(forecasts, wanted, media_type)


@needs_artifacts
def test_numbers_are_written_as_sagemaker_writes_them_to_the_byte() -> None:
    theirs = (MONTHLY / "mean_2017.jsonl").read_bytes().splitlines()
    wanted = Configuration(100, frozenset({"mean"}), {})

    ours = [written(json.loads(line)["mean"], [], wanted, JSON_LINES) for line in theirs]

    assert [line.rstrip(b"\n") for line in ours] == theirs


def test_a_reply_has_quantiles_before_the_mean_and_float32s_with_ten_decimals_at_the_most() -> None:
    wanted = Configuration(100, frozenset({"mean", "quantiles"}), {"0.9": 0.9, "0.5": 0.5})
    mean, quantiles = [921.1, -0.5682321787, 6171.748046875], [[57.167388916, 1.0, 0.0], [1 / 3, 1e7, 2.5]]
    assert BATCH.output_types == wanted.output_types

    assert written(mean, quantiles, wanted, JSON) == (
        b'{"predictions":[{"quantiles":{"0.9":[57.167388916,1.0,0.0],"0.5":[0.3333333433,10000000.0,2.5]},'
        b'"mean":[921.0999755859,-0.5682321787,6171.748046875]}]}'
    )
