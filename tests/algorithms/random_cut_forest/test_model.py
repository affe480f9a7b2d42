"""A trained forest that answers requests."""

import json
from dataclasses import replace

import numpy as np
import pytest

from forecastle.algorithms import find
from forecastle.algorithms.interface import Payload
from forecastle.algorithms.random_cut_forest.model import Query, RandomCutForestModel
from forecastle.algorithms.random_cut_forest.training.grow import drawn_rows, grow
from forecastle.contract.errors import InvalidData, NotAcceptable, PayloadTooLarge
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.contract.settings import EnvironmentSettings

ROWS = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> RandomCutForestModel:
    return RandomCutForestModel(grow(ROWS, drawn_rows(len(ROWS), 50, 64, seed=0), seed=0))


def payload(body: bytes, content_type: str = CSV, attributes: str = "") -> Payload:
    return Payload(body, MediaType.parse(content_type), attributes)


def answered(model: RandomCutForestModel, request: Payload, media_type: str = JSON) -> bytes:
    (scores,) = model.predict([model.decode(request)], threads=1)
    return model.encode(scores, media_type)


def test_csv_is_answered_in_the_bytes_of_the_built_in_algorithm(model: RandomCutForestModel) -> None:
    query = Query(np.array([[1, 2, 3], [0, 0, 0]], np.float32), attribution=False)
    scores = model.predict([query], threads=1)[0].scores
    first, second = (repr(round(float(score), 10)) for score in scores)
    assert answered(model, payload(b"1,2,3\n0,0,0\n")) == (
        b'{"scores":[{"score":%s},{"score":%s}]}' % (first.encode(), second.encode())
    )
    assert answered(model, payload(b"1,2,3\n0,0,0\n"), JSON_LINES) == (
        b'{"score":%s}\n{"score":%s}\n' % (first.encode(), second.encode())
    )
    assert answered(model, payload(b"1,2,3\n0,0,0\n"), CSV) == b"%s\n%s\n" % (first.encode(), second.encode())


def test_each_content_type_asks_the_same_thing(model: RandomCutForestModel) -> None:
    answers = {
        answered(model, payload(b"1,0,2.5\n")),
        answered(model, payload(b'{"instances":[{"features":[1,0,2.5]}]}', JSON)),
        answered(model, payload(b'{"instances":[{"data":{"features":{"values":[1,0,2.5]}}}]}', JSON)),
        answered(
            model,
            payload(b'{"instances":[{"data":{"features":{"keys":[0,2],"shape":[3],"values":[1,2.5]}}}]}', JSON),
        ),
        answered(model, payload(b'{"features":[1,0,2.5]}\n', JSON_LINES)),
    }
    assert len(answers) == 1


def test_recordio_scores_are_labels_of_records(model: RandomCutForestModel) -> None:
    answer = answered(model, payload(b"1,2,3\n"), RECORDIO)
    assert answer[:4] == b"\x0a\x23\xd7\xce"
    assert b"score" in answer
    (scores,) = model.predict([model.decode(payload(b"1,2,3\n"))], threads=1)
    assert scores.scores.tobytes() in answer


def test_requests_that_are_predicted_together_are_answered_as_if_alone(model: RandomCutForestModel) -> None:
    queries = [Query(ROWS[:5], False), Query(ROWS[5:6], True), Query(ROWS[6:40], False)]
    together = model.predict(queries, threads=2)
    for query, scores in zip(queries, together):
        (alone,) = model.predict([query], threads=1)
        assert scores.scores.tobytes() == alone.scores.tobytes()
    assert together[0].high is None
    assert together[1].high is not None


@pytest.mark.parametrize("attributes", ["attribution=true", "tag=7; attribution=true", "Attribution = True,tag=7"])
def test_attribution_on_request_sums_to_the_score(model: RandomCutForestModel, attributes: str) -> None:
    answer = json.loads(answered(model, payload(b"9,0,-9\n0,0,0\n", attributes=attributes)))
    for row in answer["scores"]:
        shares = row["attribution"]["high"] + row["attribution"]["low"]
        assert len(shares) == 6
        assert sum(shares) == pytest.approx(row["score"], rel=1e-4)
    first = answer["scores"][0]["attribution"]
    assert first["high"][0] > 5 * first["low"][0]
    assert first["low"][2] > 5 * first["high"][2]
    lines = answered(model, payload(b"9,0,-9\n0,0,0\n", attributes=attributes), JSON_LINES).splitlines()
    assert [json.loads(line) for line in lines] == answer["scores"]


@pytest.mark.parametrize("attributes", ["", "attribution=false", "attribution", "my-attribution=true"])
def test_without_asking_there_is_no_attribution(model: RandomCutForestModel, attributes: str) -> None:
    assert b"attribution" not in answered(model, payload(b"9,0,-9\n", attributes=attributes))


@pytest.mark.parametrize("media_type", [RECORDIO, CSV])
def test_attribution_comes_as_json_and_json_lines_alone(model: RandomCutForestModel, media_type: str) -> None:
    with pytest.raises(NotAcceptable, match=r"^Accept: expected application/json or application/jsonlines with"):
        answered(model, payload(b"1,2,3\n", attributes="attribution=true"), media_type)


def test_attribution_of_more_numbers_than_an_answer_should_hold_is_refused(model: RandomCutForestModel) -> None:
    rows = 1 + 2_000_000 // 3
    assert len(model.decode(payload(b"1,2,3\n" * rows)).points) == rows
    with pytest.raises(PayloadTooLarge, match=r"^Body: expected at most 2,000,000 numbers"):
        model.decode(payload(b"1,2,3\n" * rows, attributes="attribution=true"))


def test_a_row_of_another_width_is_refused_with_its_place(model: RandomCutForestModel) -> None:
    with pytest.raises(InvalidData, match="row 2"):
        model.decode(payload(b"1,2,3\n1,2,3,4\n"))


def test_its_example_is_a_request_that_it_answers(model: RandomCutForestModel) -> None:
    assert json.loads(answered(model, model.sample_request()))["scores"][0]["score"] > 0


def test_the_artifact_gives_the_same_model(model: RandomCutForestModel) -> None:
    again = find("random_cut_forest").load(model.artifact(), EnvironmentSettings())
    assert isinstance(again, RandomCutForestModel)
    assert answered(again, payload(b"1,2,3\n")) == answered(model, payload(b"1,2,3\n"))


def test_the_threshold_is_saved_and_shown(model: RandomCutForestModel) -> None:
    artifact = model.artifact()
    assert model.facts() == {"threshold": model.threshold} == {"threshold": artifact.parameters["threshold"]}
    again = find("random_cut_forest").load(replace(artifact, parameters={"threshold": 2.5}), EnvironmentSettings())
    assert again.facts() == {"threshold": 2.5}


def test_a_model_from_before_there_were_thresholds_has_that_of_its_leaves(model: RandomCutForestModel) -> None:
    old, saved = ({"seed": 3}, {"offset": -2.5})
    loaded = [
        find("random_cut_forest").load(replace(model.artifact(), parameters=given), EnvironmentSettings())
        for given in (old, saved)
    ]
    assert [one.facts()["threshold"] for one in loaded] == [model.threshold, 2.5]


@pytest.mark.parametrize("value", ["high", None, True, float("nan"), [1.5]])
def test_a_threshold_that_is_no_number_is_refused(model: RandomCutForestModel, value: object) -> None:
    for name in ("threshold", "offset"):
        with pytest.raises(InvalidData, match=rf"^parameters\.{name}: expected a finite number, got "):
            find("random_cut_forest").load(replace(model.artifact(), parameters={name: value}), EnvironmentSettings())


def test_more_rows_columns_and_trees_cost_more(model: RandomCutForestModel) -> None:
    assert model.cost(Query(ROWS[:10], False)) == pytest.approx(10 * model.cost(Query(ROWS[:1], False)))
    assert model.cost(Query(ROWS[:10], True)) > model.cost(Query(ROWS[:10], False))
