"""Calibrated quantiles: what is held out, what is counted, and what a model answers with it."""

import json
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.algorithm import ALGORITHM
from forecastle.algorithms.deepar.inference.calibration import LOWER, Calibration
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.calibration import calibrate, hold_out
from forecastle.algorithms.interface import Payload
from forecastle.algorithms.tensors import Given
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES, MediaType
from forecastle.contract.opt_ml import OptMl
from tests.algorithms.deepar.networks import random_network
from tests.algorithms.deepar.training.test_job import DEEPAR, SMALL, log_of
from tests.algorithms.deepar.waves import json_lines, waves
from tests.training.tree import start_train, write_job

INSTANCE = {"start": "2024-01-01 00:00:00", "target": [10.0, 12.0, 14.0, 11.0, 8.0, 7.0, 9.0, 10.0]}
LEVELS_ASKED = ["0.1", "0.3", "0.5", "0.7", "0.9"]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[OptMl, OptMl, str]:
    """A job without and one with calibration, and the log of the second."""
    series = waves(14, 60)
    data = {"train/a.json": json_lines(series), "test/b.json": json_lines(series)}
    folder = tmp_path_factory.mktemp("jobs")
    plain = write_job(folder / "plain", SMALL, data)
    calibrated = write_job(folder / "calibrated", SMALL | {"calibrate": "true"}, data)
    log_of(plain)
    return plain, calibrated, log_of(calibrated)


def loaded(tree: OptMl, **environ: str) -> DeepARModel:
    return ALGORITHM.load(read_artifact(tree.model), ALGORITHM.settings.from_environ(environ))


def answer(model: DeepARModel, content_type: str = JSON, **configuration: Any) -> bytes:
    asked = {"output_types": ["mean", "quantiles", "samples"], "quantiles": LEVELS_ASKED, "num_samples": 200, "seed": 1}
    document = {"instances": [INSTANCE], "configuration": asked | configuration}
    body = json.dumps(document if content_type == JSON else INSTANCE).encode()
    request = model.decode(Payload(body, MediaType.parse(content_type)))
    (prediction,) = model.predict([request], threads=1)
    return model.encode(prediction, content_type)


def test_the_network_is_the_same_as_without_and_so_are_answers_that_do_not_ask(jobs: tuple[OptMl, OptMl, str]) -> None:
    plain, calibrated = loaded(jobs[0]), loaded(jobs[1])
    assert answer(plain) == answer(calibrated)
    assert plain.artifact().arrays.keys() == calibrated.artifact().arrays.keys() - {"calibration"}


def test_on_request_quantiles_are_those_of_other_levels(jobs: tuple[OptMl, OptMl, str]) -> None:
    model = loaded(jobs[1])
    assert model.calibration is not None
    plain, calibrated = (json.loads(answer(model, calibrated=flag))["predictions"][0] for flag in (False, True))
    levels = [str(model.calibration.level(float(level))) for level in LEVELS_ASKED]
    same = json.loads(answer(model, quantiles=levels))["predictions"][0]
    assert list(calibrated["quantiles"]) == LEVELS_ASKED
    assert (
        list(calibrated["quantiles"].values()) == list(same["quantiles"].values()) != list(plain["quantiles"].values())
    )
    assert (np.diff([calibrated["quantiles"][level] for level in LEVELS_ASKED], axis=0) >= 0).all()
    assert (calibrated["mean"], calibrated["samples"]) == (plain["mean"], plain["samples"])


def test_a_setting_makes_it_the_default(jobs: tuple[OptMl, OptMl, str]) -> None:
    model = loaded(jobs[1], DEEPAR_CALIBRATED="true", DEEPAR_INFERENCE_CONFIG='{"seed": 1}')
    on_request = loaded(jobs[1], DEEPAR_INFERENCE_CONFIG='{"seed": 1, "calibrated": true}')
    never = loaded(jobs[1], DEEPAR_INFERENCE_CONFIG='{"seed": 1}')
    assert answer(model) == answer(never, calibrated=True) != answer(model, calibrated=False) == answer(never)
    assert answer(model, JSON_LINES) == answer(on_request, JSON_LINES) != answer(never, JSON_LINES)


def test_a_model_without_calibration_refuses(jobs: tuple[OptMl, OptMl, str]) -> None:
    with pytest.raises(InvalidData) as refused:
        answer(loaded(jobs[0]), calibrated=True)
    sentence = (
        "configuration.calibrated: expected false, as this model was trained without the hyperparameter calibrate, "
        "got true."
    )
    assert refused.value.sentence == sentence
    given = {"instances": json.dumps(INSTANCE).encode(), "configuration": b'{"calibrated": true}'}
    tensors = {name: np.array([text], object) for name, text in given.items()}
    with pytest.raises(InvalidData, match=re.escape(sentence)):
        loaded(jobs[0]).tensors().decode(Given(tensors, (), {}))
    assert loaded(jobs[1]).tensors().decode(Given(tensors, (), {})).configuration.calibrated
    for setting in ({"DEEPAR_CALIBRATED": "true"}, {"DEEPAR_INFERENCE_CONFIG": '{"calibrated": true}'}):
        with pytest.raises(InvalidJob, match=r"^This model has no calibration, which DEEPAR_CALIBRATED or DEEPAR_INF"):
            loaded(jobs[0], **setting)


def test_the_job_logs_it_and_scores_calibrated_quantiles_too(jobs: tuple[OptMl, OptMl, str]) -> None:
    plain, calibrated, log = jobs
    assert "Calibrating quantiles: another network is trained, and forecasts held-out windows (14).\n" in log
    scores = [json.loads((tree.output_data / "metrics.json").read_text()) for tree in (plain, calibrated)]
    assert {name: value for name, value in scores[1].items() if "calibrated" not in name} == scores[0]
    assert f"test calibrated_coverage[0.8] <score>={scores[1]['test:calibrated_coverage[0.8]']}\n" in log
    loss = scores[1]["test:calibrated_mean_wQuantileLoss"]
    assert f"test calibrated_mean_wQuantileLoss <loss>={loss}\n" in log
    for name, regex in ALGORITHM.metrics.items():
        values = [float(match[1]) for line in log.splitlines() if (match := re.search(regex, line))]
        assert values, name
        assert values[-1] == scores[1].get(name, values[-1]), name


def test_bands_contain_the_share_of_held_out_values_that_they_should() -> None:
    network = random_network(prediction_length=6, seed=4)
    rng = np.random.default_rng(0)
    start = np.datetime64("2024-01-01", "s")
    series = [Series(start, (20 + 30 * rng.normal(size=80)).astype(np.float32)) for _ in range(50)]
    series[3].target[70:] = np.nan
    held_out = hold_out(series, 6)
    calibration = calibrate(network, held_out, 2, lambda: False)
    assert calibration is not None
    coverage = []
    for levels in ([0.1, 0.9], list(map(calibration.level, (0.1, 0.9)))):
        forecasts = forecast(network, held_out.known, num_samples=100, quantiles=levels, seed=7)
        low, high = np.stack([one.quantiles for one in forecasts], axis=1)
        known = ~np.isnan(held_out.observed)
        coverage.append(((low <= held_out.observed) & (held_out.observed <= high))[known].mean())
    assert abs(coverage[0] - 0.8) > 0.1
    assert coverage[1] == pytest.approx(0.8, abs=0.02)


def test_the_ends_of_all_series_are_held_out_more_of_few_and_none_of_short_ones() -> None:
    few = hold_out(waves(2, 200), 5)
    assert [len(one.target) for one in few.train] == [175, 175]
    assert [len(one.target) for one in few.known] == [*range(175, 200, 5)] * 2
    assert np.array_equal(few.observed[6], waves(2, 200)[1].target[180:185])
    assert [len(one.target) for one in hold_out(waves(1, 100), 5).train] == [80]  # a fifth at most
    many = hold_out([*waves(149, 30), *waves(1, 9)], 5)
    assert [len(one.target) for one in many.train] == [25] * 149 + [9]
    assert len(many.known) == 149
    assert len(hold_out(waves(1200, 10), 5).known) == 1000
    with_features = hold_out(waves(120, 30, dynamic=True), 5).known[0]
    assert with_features.dynamic_feat is not None
    assert with_features.dynamic_feat.shape[1] >= len(with_features.target) + 5


def test_series_that_are_all_too_short_are_refused_before_the_training(tmp_path: Path) -> None:
    data = {"train/a.json": json_lines(waves(50, 7))}
    tree = write_job(tmp_path, SMALL | {"calibrate": "true"}, data)
    with pytest.raises(InvalidData) as refused:
        log_of(tree)
    assert refused.value.sentence == (
        "Channel train: expected a series of at least 8 values, as calibrate holds out the last 4, got at most 7."
    )


@pytest.mark.parametrize(
    ("length", "missing", "expected"),
    [
        (20, slice(-4, None), "values at the ends of series"),
        (100, slice(None, -4), "values before the ends of series"),
    ],
    ids=["ends", "before"],
)
def test_parts_without_any_value_are_refused_before_the_training(
    length: int, missing: slice, expected: str, tmp_path: Path
) -> None:
    series = waves(length, 60)
    for each in series:
        each.target[missing] = np.nan
    tree = write_job(tmp_path, SMALL | {"calibrate": "true"}, {"train/a.json": json_lines(series)})
    with pytest.raises(InvalidData) as refused:
        log_of(tree)
    assert refused.value.sentence == (
        f"Channel train: expected {expected}, as calibrate holds out the last 4, got missing ones only."
    )


def test_a_second_network_that_diverges_costs_only_the_calibration(tmp_path: Path) -> None:
    # Every window before the ends has a value 10^20 times its scale, whose square is infinite in float32.
    series = waves(30, 12)
    for each in series:
        each.target[:] = [1, 1, 1, 1e12, 1e24, 1, 1, 1e35, 1e34, 1e34, 1e34, 1e34]
    given = SMALL | {"likelihood": "gaussian", "network": "gluonts", "mini_batch_size": "1"}
    data = {"train/a.json": json_lines(series)}
    plain = write_job(tmp_path / "plain", given, data)
    tree = write_job(tmp_path / "calibrated", given | {"calibrate": "true"}, data)
    log_of(plain)
    warnings = [line for line in log_of(tree).splitlines() if "WARNING" in line]
    reason = (
        "The network for the calibration could not be trained. The loss of epoch 0 is not a finite number: lower the "
        "hyperparameter learning_rate, 0.01, or use another likelihood than gaussian."
    )
    assert len(warnings) == 1
    assert warnings[0].endswith(f"The model has no calibration. {reason}")
    assert answer(loaded(tree)) == answer(loaded(plain))
    assert json.loads((tree.model / "manifest.json").read_text())["parameters"]["calibration_failed"] == reason
    with pytest.raises(InvalidData) as refused:
        answer(loaded(tree), calibrated=True)
    assert refused.value.sentence == (
        f"configuration.calibrated: expected false, as this model's calibration failed in training, got true: {reason}"
    )
    with pytest.raises(InvalidJob, match=f"as that failed in training: {re.escape(reason)}$"):
        loaded(tree, DEEPAR_CALIBRATED="true")


def test_a_job_that_is_stopped_says_so_in_its_model(tmp_path: Path) -> None:
    given = SMALL | {"calibrate": "true", "epochs": "100000"}
    tree = write_job(tmp_path, given, {"train/a.json": json_lines(waves(14, 60))})
    process = start_train(tree, **DEEPAR)
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch=0, train loss" in line:
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=120)
    parameters = json.loads((tree.model / "manifest.json").read_text())["parameters"]
    assert parameters["calibration_failed"] == "The training was stopped by SIGTERM."


def test_a_point_forecast_has_nothing_to_calibrate(tmp_path: Path) -> None:
    given = SMALL | {"calibrate": "true", "likelihood": "deterministic-L1"}
    with pytest.raises(InvalidJob) as refused:
        log_of(write_job(tmp_path, given, {"train/a.json": json_lines(waves())}))
    assert refused.value.sentence == (
        "Hyperparameter calibrate must be false with likelihood deterministic-L1, all of whose quantiles are the same. "
        "Got 'true'."
    )


def test_levels_are_ascending_and_never_nearer_to_the_median() -> None:
    wanted = np.linspace(0.0001, 0.9999, 501)
    for seed in range(20):
        counted = np.sort(np.random.default_rng(seed).choice([0.0, 0.2, 0.5, 0.97, 1.0], len(LOWER)))
        levels = np.array(list(map(Calibration.of(counted).level, wanted)))
        assert (np.diff(levels) >= 0).all()
        assert (np.abs(levels - 0.5) >= np.abs(wanted - 0.5) - 1e-12).all()
        assert 0 < levels[0] <= levels[-1] < 1
    bands = 1 - 2 * np.array(LOWER)
    half = Calibration.of(bands / 2)  # half as many values in each band as there should be
    assert [half.level(level) for level in (0.3, 0.5, 0.7, 0.9)] == pytest.approx([0.1, 0.5, 0.9, 0.999])
    wide = Calibration.of(np.minimum(2 * bands, 1))
    assert [wide.level(level) for level in (0.1, 0.5, 0.7)] == pytest.approx([0.1, 0.5, 0.7])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda array: array[0], "arrays.calibration: expected 2 × at least 2 floats, got 52."),
        (lambda array: array[:, ::-1], "arrays.calibration: expected ascending numbers between 0 and 1."),
        (lambda array: 2 * array, "arrays.calibration: expected ascending numbers between 0 and 1."),
        (lambda array: array * np.nan, "arrays.calibration: expected ascending numbers between 0 and 1."),
    ],
)
def test_a_calibration_that_is_none_is_refused(change: Callable[[Any], Any], sentence: str) -> None:
    model = DeepARModel(random_network(), calibration=Calibration.of(sorted(LOWER)))
    artifact = model.artifact()
    again = DeepARModel.from_artifact(artifact).calibration
    assert again is not None
    assert np.array_equal(again.shares, sorted(LOWER))
    damaged = {**artifact.arrays, "calibration": change(artifact.arrays["calibration"])}
    with pytest.raises(InvalidData) as refused:
        DeepARModel.from_artifact(replace(artifact, arrays=damaged))
    assert refused.value.sentence == sentence
