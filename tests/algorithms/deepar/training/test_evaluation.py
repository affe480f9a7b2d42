"""The test channel."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.evaluation import SEED, evaluate
from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of
from forecastle.algorithms.interface import Job
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, Stopped
from tests.algorithms.deepar.networks import random_network

STEPS, START = 4, "2024-01-01 00:00:00"


@dataclass
class Lines:
    """A log that keeps its lines."""

    host: str = "algo-1"
    lines: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(text)

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None: ...

    def progress(self, share: float, note: str = "") -> None: ...


def job(folder: Path, records: list[dict[str, Any]] | None, **hyperparameters: str) -> tuple[Job[Any], Lines]:
    log, channels = Lines(), {}
    if records is not None:
        (folder / "test.json").write_text("".join(json.dumps(record) + "\n" for record in records))
        channels["test"] = Channel("test", folder)
    given = {"context_length": "10", "prediction_length": str(STEPS), "epochs": "1", "time_freq": "2H"}
    parsed = DeepARHyperparameters.parse(given | {"num_eval_samples": "20", **hyperparameters})
    return Job(parsed, channels, log, stopping=lambda: False), log


@pytest.fixture(scope="module")
def model() -> DeepARModel:
    return DeepARModel(random_network(prediction_length=STEPS))


def walk(seed: int, length: int) -> list[float]:
    steps = np.random.default_rng(seed).normal(size=length)
    return [round(float(value), 3) for value in 50 + np.cumsum(steps)]


def test_the_last_values_of_each_series_are_forecast_from_those_before(model: DeepARModel, tmp_path: Path) -> None:
    targets = [walk(seed, 20 + seed) for seed in range(5)]
    asked, _ = job(tmp_path, [{"start": START, "target": one} for one in targets], test_quantiles="[0.2, 0.9]")
    metrics = evaluate(model, asked)
    start, levels = np.datetime64("2024-01-01T00:00:00", "s"), [0.2, 0.9]
    known = [Series(start, np.array(one[:-STEPS], np.float32)) for one in targets]
    forecasts = forecast(model.network, known, num_samples=20, quantiles=levels, seed=SEED)
    observed = np.array([one[-STEPS:] for one in targets])
    mean, quantiles = np.stack([one.mean for one in forecasts]), np.stack([one.quantiles for one in forecasts], axis=1)
    expected = metrics_of(losses_of(observed, mean, quantiles, levels), levels)
    assert metrics == pytest.approx({f"test:{name}": value for name, value in expected.items()}, rel=1e-6)
    assert list(metrics) == [
        "test:RMSE",
        "test:mean_absolute_QuantileLoss",
        "test:mean_wQuantileLoss",
        "test:wQuantileLoss[0.2]",
        "test:wQuantileLoss[0.9]",
    ]


def test_its_lines_are_those_of_sagemaker(model: DeepARModel, tmp_path: Path) -> None:
    records = [{"start": START, "target": walk(seed, 20)} for seed in range(25)]
    asked, log = job(tmp_path, records, mini_batch_size="2")
    metrics = evaluate(model, asked)
    levels, bands = [f"0.{tenth}" for tenth in range(1, 10)], ["0.8", "0.6", "0.4", "0.2"]
    assert log.lines == [
        "Evaluating model accuracy on testset using 20 samples",
        "Number of test batches scored: 10",
        f"#test_score (algo-1, RMSE): {metrics['test:RMSE']}",
        f"#test_score (algo-1, mean_absolute_QuantileLoss): {metrics['test:mean_absolute_QuantileLoss']}",
        f"#test_score (algo-1, mean_wQuantileLoss): {metrics['test:mean_wQuantileLoss']}",
        *[
            f"#test_score (algo-1, wQuantileLoss[{level}]): {metrics[f'test:wQuantileLoss[{level}]']}"
            for level in levels
        ],
        *[f"#test_score (algo-1, coverage[{band}]): {metrics[f'test:coverage[{band}]']}" for band in bands],
        f"#quality_metric: host=algo-1, test RMSE <loss>={metrics['test:RMSE']}",
        f"#quality_metric: host=algo-1, test mean_wQuantileLoss <loss>={metrics['test:mean_wQuantileLoss']}",
        *[
            f"#quality_metric: host=algo-1, test coverage[{band}] <score>={metrics[f'test:coverage[{band}]']}"
            for band in bands
        ],
    ]
    assert all(re.fullmatch(r".*\d\.\d+(e-\d+)?", line) for line in log.lines[2:])


def test_the_size_of_the_batches_changes_nothing(model: DeepARModel, tmp_path: Path) -> None:
    records = [{"start": START, "target": walk(seed, 20)} for seed in range(7)]
    one = evaluate(model, job(tmp_path, records, mini_batch_size="3")[0])
    assert one == pytest.approx(evaluate(model, job(tmp_path, records, mini_batch_size="128")[0]))


def test_categories_and_dynamic_features_are_used(tmp_path: Path) -> None:
    rich = DeepARModel(random_network(prediction_length=STEPS, cardinality=(3,), num_dynamic_feat=1))
    record = {"start": START, "target": walk(0, 20), "cat": [2], "dynamic_feat": [walk(1, 20)]}
    first = evaluate(rich, job(tmp_path, [record])[0])
    assert first != evaluate(rich, job(tmp_path, [{**record, "cat": [1]}])[0])
    assert first != evaluate(rich, job(tmp_path, [{**record, "dynamic_feat": [walk(2, 20)]}])[0])


def test_missing_values_and_series_that_are_too_short_are_left_out(model: DeepARModel, tmp_path: Path) -> None:
    whole = {"start": START, "target": walk(0, 20)}
    short = {"start": START, "target": walk(1, STEPS - 1)}
    unknown = {"start": START, "target": [*walk(2, 16), None, "NaN", None, None]}
    alone = evaluate(model, job(tmp_path, [whole])[0])
    assert evaluate(model, job(tmp_path, [whole, short, unknown])[0]) == pytest.approx(alone)
    just_enough = {"start": START, "target": walk(3, STEPS)}
    assert np.isfinite(evaluate(model, job(tmp_path, [just_enough])[0])["test:RMSE"])


def test_where_nothing_is_left_to_compare_with_the_channel_is_refused(model: DeepARModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"^Channel test: expected a series that ends with 4 values, not all "):
        evaluate(model, job(tmp_path, [{"start": START, "target": walk(1, 3)}])[0])
    with pytest.raises(InvalidData, match=r"^Channel test: expected a series that ends with 4 values, not all "):
        evaluate(model, job(tmp_path, [{"start": START, "target": [1.0, None, None, None, None]}])[0])


def test_without_a_test_channel_there_are_no_metrics(model: DeepARModel, tmp_path: Path) -> None:
    asked, log = job(tmp_path, None)
    assert evaluate(model, asked) == {}
    assert log.lines == ["Test data is not provided."]


def test_a_job_that_is_stopped_leaves_off_scoring(model: DeepARModel, tmp_path: Path) -> None:
    asked, log = job(tmp_path, [{"start": START, "target": walk(0, 20)}])
    with pytest.raises(Stopped):
        evaluate(model, Job(asked.hyperparameters, asked.channels, log, stopping=lambda: True))


def test_a_field_that_the_model_was_trained_with_is_required_as_in_the_train_channel(tmp_path: Path) -> None:
    model = DeepARModel(random_network(prediction_length=STEPS, cardinality=(2,)))
    asked, _ = job(tmp_path, [{"start": START, "target": walk(0, 20)}])
    with pytest.raises(InvalidData) as caught:
        evaluate(model, asked)
    assert caught.value.sentence == (
        'test/test.json, line 1: expected "cat", a category, as in the train channel, which is missing: '
        'give "cat" to all records or to none, or set cardinality to ignore.'
    )
