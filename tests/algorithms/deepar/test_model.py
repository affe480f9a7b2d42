"""A trained network that answers requests."""

import json
import re
from functools import partial
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms import find
from forecastle.algorithms.deepar.inference.configuration import LIVE, Configuration
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.inference.request import Request
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.settings import DeepARSettings
from forecastle.algorithms.interface import Payload
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData, InvalidJob, OutOfSpace
from forecastle.contract.media_type import JSON, JSON_LINES, MediaType
from tests.algorithms.deepar.networks import random_network

small = partial(random_network, prediction_length=4)
TARGET = [round(100 + 20 * np.sin(step / 2), 2) for step in range(30)]
INSTANCE = {"start": "2024-01-01 00:00:00", "target": TARGET}
ALL = {"num_samples": 20, "output_types": ["mean", "quantiles", "samples"], "quantiles": ["0.1", "0.9"], "seed": 5}


@pytest.fixture(scope="module")
def model() -> DeepARModel:
    return DeepARModel(small())


def payload(*instances: dict[str, Any], **configuration: Any) -> Payload:
    document: dict[str, Any] = {"instances": instances}
    if configuration:
        document["configuration"] = configuration
    return Payload(json.dumps(document).encode(), MediaType.parse(JSON))


def lines(*instances: dict[str, Any]) -> Payload:
    return Payload(b"".join(json.dumps(one).encode() + b"\n" for one in instances), MediaType.parse(JSON_LINES))


def answered(model: DeepARModel, request: Payload, media_type: str = JSON) -> bytes:
    (prediction,) = model.predict([model.decode(request)], threads=1)
    return model.encode(prediction, media_type)


def predictions(model: DeepARModel, request: Payload) -> list[dict[str, Any]]:
    answer = json.loads(answered(model, request))
    assert list(answer) == ["predictions"]
    found: list[dict[str, Any]] = answer["predictions"]
    return found


def test_all_requested_output_is_in_the_order_of_the_developer_guide(model: DeepARModel) -> None:
    (answer,) = predictions(model, payload(INSTANCE, **ALL))
    assert list(answer) == ["quantiles", "samples", "mean"]
    assert list(answer["quantiles"]) == ["0.1", "0.9"]
    assert np.shape(answer["samples"]) == (20, 4)
    assert np.shape(answer["mean"]) == (4,)
    assert (np.array(answer["quantiles"]["0.1"]) < answer["quantiles"]["0.9"]).all()


def test_answers_are_what_the_forecaster_returns(model: DeepARModel) -> None:
    (answer,) = predictions(model, payload(INSTANCE, **ALL))
    series = Series(np.datetime64("2024-01-01T00:00:00", "s"), np.array(TARGET, np.float32))
    (own,) = forecast(model.network, [series], num_samples=20, quantiles=[0.1, 0.9], seed=5, want_samples=True)
    assert answer["mean"] == pytest.approx(own.mean, abs=6e-11)
    assert answer["samples"] == pytest.approx(own.samples, abs=6e-11)
    assert list(answer["quantiles"].values()) == pytest.approx(own.quantiles, abs=6e-11)


def test_without_a_configuration_only_the_mean_is_returned(model: DeepARModel) -> None:
    assert [list(answer) for answer in predictions(model, payload(INSTANCE, INSTANCE))] == [["mean"], ["mean"]]


def test_json_lines_are_answered_a_line_each_with_the_deciles(model: DeepARModel) -> None:
    answer = answered(model, lines(INSTANCE, INSTANCE, INSTANCE), JSON_LINES)
    assert answer.endswith(b"}\n")
    answers = [json.loads(line) for line in answer.splitlines()]
    assert [list(answer) for answer in answers] == [["quantiles", "mean"]] * 3
    assert list(answers[0]["quantiles"]) == [f"0.{tenth}" for tenth in range(1, 10)]


def test_json_may_be_answered_in_lines_and_lines_in_json(model: DeepARModel) -> None:
    asked = payload(INSTANCE, INSTANCE, **ALL)
    as_json, as_lines = json.loads(answered(model, asked)), answered(model, asked, JSON_LINES)
    assert [json.loads(line) for line in as_lines.splitlines()] == as_json["predictions"]
    assert len(predictions(model, lines(INSTANCE))) == 1


def test_the_environment_s_configuration_is_that_of_lines() -> None:
    artifact = DeepARModel(small()).artifact()
    config = '{"num_samples": 3, "output_types": ["samples"], "seed": 1}'
    model = find("deepar").load(artifact, DeepARSettings.from_environ({"DEEPAR_INFERENCE_CONFIG": config}))
    assert isinstance(model, DeepARModel)
    assert np.shape(predictions(model, lines(INSTANCE))[0]["samples"]) == (3, 4)
    assert answered(model, lines(INSTANCE)) == answered(model, lines(INSTANCE))
    assert list(predictions(model, payload(INSTANCE))[0]) == ["mean"]
    wrong = DeepARSettings.from_environ({"DEEPAR_INFERENCE_CONFIG": '{"num_samples": -3}'})
    with pytest.raises(InvalidJob, match=r"^Setting DEEPAR_INFERENCE_CONFIG: num_samples: "):
        find("deepar").load(artifact, wrong)


def test_the_same_seed_gives_the_same_bytes_in_any_company_on_any_threads(model: DeepARModel) -> None:
    mine = model.decode(payload(INSTANCE, {**INSTANCE, "target": []}, **ALL))
    others = [model.decode(payload(*[INSTANCE] * count, num_samples=7)) for count in (1, 9, 2)]
    alone = model.encode(model.predict([mine], threads=1)[0], JSON)
    for threads in (1, 2, 3):
        together = model.predict([*others[:2], mine, *others[2:]], threads)
        assert model.encode(together[2], JSON) == alone
        assert [len(prediction.forecasts) for prediction in together] == [1, 9, 2, 2]


def test_another_seed_another_place_and_no_seed_give_other_numbers(model: DeepARModel) -> None:
    first, second = predictions(model, payload(INSTANCE, INSTANCE, **ALL))
    (other,) = predictions(model, payload(INSTANCE, **ALL | {"seed": 6}))
    (fresh,) = predictions(model, payload(INSTANCE, **ALL | {"seed": None}))
    (again,) = predictions(model, payload(INSTANCE, **ALL | {"seed": None}))
    found = [answer["samples"] for answer in (first, second, other, fresh, again)]
    assert all(one != another for index, one in enumerate(found) for another in found[:index])


def test_missing_values_and_an_empty_target_are_forecast(model: DeepARModel) -> None:
    gaps = [*TARGET[:10], None, "NaN", *TARGET[12:], None]
    for target in (gaps, [], [None], ["NaN"] * 40):
        (answer,) = predictions(model, payload({**INSTANCE, "target": target}, **ALL))
        assert np.isfinite(answer["samples"]).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("rich", [False, True])
def test_its_example_is_a_request_that_it_answers(likelihood: str, rich: bool) -> None:
    model = DeepARModel(small(likelihood=likelihood, cardinality=(3, 2) if rich else (), num_dynamic_feat=2 * rich))
    (answer,) = predictions(model, model.sample_request())
    assert list(answer["quantiles"]) == ["0.1", "0.5", "0.9"]
    assert np.isfinite(answer["mean"]).all()


def test_categories_and_dynamic_features_tell() -> None:
    model = DeepARModel(small(cardinality=(3,), num_dynamic_feat=1))

    def mean(cat: int, last: float) -> list[float]:
        features = [[0.0] * (len(TARGET) + 3) + [last]]
        (answer,) = predictions(model, payload({**INSTANCE, "cat": cat, "dynamic_feat": features}, seed=1))
        numbers: list[float] = answer["mean"]
        return numbers

    assert mean(0, 0.0) == mean(0, 0.0)
    assert mean(0, 0.0) != mean(1, 0.0)
    assert mean(0, 0.0)[:3] == mean(0, 1.0)[:3]
    assert mean(0, 0.0)[3] != mean(0, 1.0)[3]


def test_an_error_names_its_place(model: DeepARModel) -> None:
    with pytest.raises(InvalidData, match=r"^instances\[1\]\.cat: expected none, as the model was trained without"):
        model.decode(payload(INSTANCE, {**INSTANCE, "cat": [0]}))
    with pytest.raises(InvalidData, match=r"^line 2: target\[0\]: expected a number"):
        model.decode(lines(INSTANCE, {**INSTANCE, "target": ["a"]}))


def test_the_artifact_gives_the_same_model() -> None:
    model = DeepARModel(small(cardinality=(3,)), metrics={"train:final_loss": 2.5}, seed=12)
    artifact = model.artifact()
    assert json.loads(json.dumps(artifact.parameters)) == artifact.parameters
    again = find("deepar").load(artifact, DeepARSettings.from_environ({}))
    assert isinstance(again, DeepARModel)
    assert again.artifact().metrics == {"train:final_loss": 2.5}
    assert again.artifact().parameters == artifact.parameters
    assert artifact.parameters["seed"] == 12
    asked = payload({**INSTANCE, "cat": 1}, **ALL)
    assert answered(again, asked) == answered(model, asked)


def test_an_artifact_that_lacks_an_array_is_refused() -> None:
    artifact = DeepARModel(small()).artifact()
    arrays = {name: array for name, array in artifact.arrays.items() if name != "projection_bias"}
    with pytest.raises(InvalidData, match="projection_bias"):
        find("deepar").load(Artifact(arrays, artifact.parameters), DeepARSettings.from_environ({}))


def test_more_series_paths_steps_and_cells_cost_more() -> None:
    one = Series(np.datetime64("2024-01-01T00:00:00", "s"), np.array(TARGET, np.float32))
    request = Request((one,), LIVE, 0)
    sized = partial(random_network, prediction_length=40, cells=40)
    model = DeepARModel(sized())
    cost = model.cost(request)
    assert model.cost(Request((one,) * 10, LIVE, 0)) == pytest.approx(10 * cost)
    assert model.cost(Request((one,), Configuration(1000, LIVE.output_types, {}), 0)) > 5 * cost
    assert DeepARModel(sized(prediction_length=400)).cost(request) > 5 * cost
    assert DeepARModel(sized(cells=160)).cost(request) > 5 * cost


@pytest.mark.parametrize("output_types", [{"mean"}, {"samples", "quantiles"}])
@pytest.mark.parametrize("seconds", [0.001, 0.1, 30.0])
@pytest.mark.parametrize(("count", "paths"), [(1, 10**6), (40, 10**4), (5000, 100), (10**5, 10)])
def test_what_is_advised_instead_of_a_request_costs_no_more_than_the_time_there_is(
    count: int, paths: int, seconds: float, output_types: set[str]
) -> None:
    one = Series(np.datetime64("2024-01-01T00:00:00", "s"), np.array(TARGET, np.float32))
    model = DeepARModel(random_network(prediction_length=40, cells=40))

    def request(count: int, paths: int) -> Request:
        return Request((one,) * count, Configuration(paths, frozenset(output_types), {"0.5": 0.5}), 0)

    advice = model.advice(request(count, paths), seconds)
    fewer_paths = re.fullmatch(r"num_samples may be at most (\d+) for (one|\d+) series, got \d+", advice)
    fewer_series = re.fullmatch(r"with num_samples \d+ a request may have at most (\d+) series, got \d+", advice)
    if fewer_paths is not None:
        instead = request(1 if fewer_paths[2] == "one" else count, int(fewer_paths[1]))
    elif fewer_series is not None:
        instead = request(int(fewer_series[1]), paths)
    else:
        assert advice == "the model is too large for this time"
        assert model.cost(request(1, 1)) > seconds
        return
    assert 0 < model.cost(instead) <= seconds


def test_a_thousand_empty_series_of_a_tiny_model_are_not_cheap() -> None:
    empty = Series(np.datetime64("2024-01-01T00:00:00", "s"), np.empty(0, np.float32))
    tiny = DeepARModel(random_network(prediction_length=1, context_length=1, cells=1, layers=1))
    assert tiny.cost(Request((empty,) * 1000, Configuration(1, LIVE.output_types, {}), 0)) > 0.1


def test_requests_that_do_not_fit_the_memory_together_are_refused_for_now() -> None:
    model = DeepARModel(small(prediction_length=10_000_000))
    big = Request((), Configuration(1_000_000, LIVE.output_types, {}), 0)
    one = Series(np.datetime64("2024-01-01T00:00:00", "s"), np.array(TARGET, np.float32))
    with pytest.raises(OutOfSpace, match=r"retry later"):
        model.predict([Request((one,), big.configuration, 0)] * 2, threads=1)
