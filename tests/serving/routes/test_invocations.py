"""The answers and errors of /invocations."""

import json

import pytest

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer


def test_csv_is_answered_in_the_first_response_type(server: RunningServer) -> None:
    response = server.post("/invocations", b"1,2\n3,4\n")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {"scores": [{"score": 3.0}, {"score": 7.0}]}


def test_a_body_without_a_content_type_is_in_the_first_request_type(server: RunningServer) -> None:
    assert server.post("/invocations", b"1,2\n", content_type=None).json() == {"scores": [{"score": 3.0}]}


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv;q=0.1, application/json;q=0.2", "application/json"),
        ("image/png, text/csv;q=0.1", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
    ],
)
def test_the_response_type_is_the_one_that_accept_likes_best(
    server: RunningServer, accept: str | None, answered: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert server.post("/invocations", headers=headers).headers["content-type"] == answered


def test_several_accept_headers_count_as_one(server: RunningServer) -> None:
    headers = [("Content-Type", "text/csv"), ("Accept", "image/png"), ("Accept", "text/csv")]
    response = server.request("POST", "/invocations", content=b"1,2\n", headers=headers)
    assert response.headers["content-type"] == "text/csv"


def test_an_accept_that_nothing_fits_is_406_and_names_what_is_written(server: RunningServer) -> None:
    response = server.post("/invocations", headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert response.text == "Accept: expected one of application/json, text/csv, got 'image/png'."


def test_a_content_type_that_is_not_read_is_415_and_names_what_is(server: RunningServer) -> None:
    response = server.post("/invocations", b"1,2", "image/png")
    assert response.status_code == 415
    assert response.text == "Content-Type: expected one of text/csv, application/json, got 'image/png'."


def test_short_names_of_media_types_are_taken(server: RunningServer) -> None:
    assert server.post("/invocations", b"1,2\n", "csv", headers={"Accept": "csv"}).content == b"3.0\n"
    assert server.post("/invocations", b'{"rows": [[1, 2]]}', "json").json() == {"scores": [{"score": 3}]}


def test_a_content_type_that_is_none_is_400(server: RunningServer) -> None:
    response = server.post("/invocations", b"1,2", "tsv")
    assert (response.status_code, response.text[:14]) == (400, "Content-Type: ")


def test_a_charset_other_than_utf8_is_415(server: RunningServer) -> None:
    response = server.post("/invocations", b"1,2", "text/csv; charset=utf-16")
    assert (response.status_code, response.text) == (415, "Content-Type: expected charset=utf-8, got charset=utf-16.")


def test_a_compressed_body_is_415(server: RunningServer) -> None:
    response = server.post("/invocations", headers={"Content-Encoding": "gzip"})
    assert (response.status_code, response.text) == (415, "Content-Encoding: expected none, got 'gzip'.")


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_an_empty_content_encoding_is_none(server: RunningServer, encoding: str) -> None:
    assert server.post("/invocations", headers={"Content-Encoding": encoding}).status_code == 200


def test_an_empty_body_is_refused_by_the_model_in_one_sentence(server: RunningServer) -> None:
    response = server.post("/invocations", b"")
    assert (response.status_code, response.text) == (400, "Body: expected rows, got nothing.")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_large_body_is_answered_as_a_small_one_is(server: RunningServer) -> None:
    rows = 50_000
    response = server.post("/invocations", b"1,2\n" * rows, headers={"Accept": "text/csv"})
    assert response.content == b"3.0\n" * rows


def test_custom_attributes_reach_the_model(server: RunningServer) -> None:
    attributes = "attribution=true," + "x" * 1007
    response = server.post("/invocations", headers={"X-Amzn-SageMaker-Custom-Attributes": attributes})
    assert response.json()["attributes"] == attributes


@pytest.mark.parametrize("attributes", [b"x" * 1025, b"caf\xc3\xa9", b"a\tb"])
def test_custom_attributes_that_are_too_long_or_not_visible_ascii_are_400(
    server: RunningServer, attributes: bytes
) -> None:
    headers = [(b"content-type", b"text/csv"), (b"x-amzn-sagemaker-custom-attributes", attributes)]
    response = server.request("POST", "/invocations", content=b"1,2\n", headers=headers)
    assert response.status_code == 400
    assert response.text.startswith("X-Amzn-SageMaker-Custom-Attributes: expected at most 1024 visible ASCII")


def test_unknown_and_session_headers_are_tolerated(server: RunningServer) -> None:
    names = ("X-Amzn-SageMaker-Session-Id", "X-Amzn-SageMaker-Target-Variant", "X-Amzn-SageMaker-Target-Model", "X-Odd")
    assert server.post("/invocations", headers=dict.fromkeys(names, "any")).status_code == 200


def test_in_batch_transform_the_algorithm_says_what_untyped_bodies_are_and_how_they_are_answered(start: Start) -> None:
    server = start({"SAGEMAKER_BATCH": "True"}).await_ready()
    for content_type in (None, "", "text/csv", "application/octet-stream", "x", "text/plain;charset=utf-16"):
        for accept in ({}, {"Accept": "*/*"}):
            assert server.post("/invocations", b"1,2\n", content_type, headers=accept).content == b"3.0\n"
    as_json = server.post("/invocations", b"1,2\n", headers={"Accept": "application/json"})
    assert as_json.json() == {"scores": [{"score": 3.0}]}
    assert server.ask().headers["content-type"] == "application/json"
    known = server.post("/invocations", b"1,2", "application/x-parquet")
    assert (known.status_code, known.text[:22]) == (415, "Content-Type: expected")


def test_in_batch_transform_the_default_accept_still_counts(start: Start) -> None:
    accept = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}
    server = start({"SAGEMAKER_BATCH": "True"} | accept).await_ready()
    assert server.post("/invocations", b"1,2\n").json() == {"scores": [{"score": 3.0}]}


def test_the_default_accept_is_a_setting(start: Start) -> None:
    server = start({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}).await_ready()
    assert server.post("/invocations").content == b"3.0\n"
    assert server.post("/invocations", headers={"Accept": "application/json"}).json()["scores"] == [{"score": 3.0}]


def test_a_request_is_answered_the_same_in_the_event_loop_and_in_the_queue(start: Start) -> None:
    body = json.dumps({"rows": [[1, 2]]}).encode()
    server = start(lone_example=True).await_ready()
    answers = {server.post("/invocations", body, "application/json").content for _ in range(3)}
    assert answers == {b'{"scores": [{"score": 3}]}'}
    first, *others = [server.await_line("request", count=number, path="/invocations") for number in (1, 2, 3)]
    # The first of a kind may have to compile or import something: not in the event loop.
    assert "queue_ms" in first
    assert all("queue_ms" not in line for line in others)


def test_a_costly_request_never_is_predicted_in_the_event_loop(start: Start) -> None:
    server = start(cost=0.01).await_ready()
    for number in (1, 2):
        assert server.post("/invocations").status_code == 200
        assert "queue_ms" in server.await_line("request", count=number, path="/invocations")
