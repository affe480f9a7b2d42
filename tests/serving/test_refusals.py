"""Errors as a client sees them."""

import json

import pytest

from tests.serving.running_server import RunningServer


def test_an_unknown_path_is_404_in_one_sentence(server: RunningServer) -> None:
    response = server.get("/nowhere")
    assert response.status_code == 404
    assert response.text == "/nowhere: no such path; GET /docs lists the paths."
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/invocations", "POST"),
        ("PUT", "/ping", "GET, HEAD, POST"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("GET", "/endpoints/any/invocations", "POST"),
        ("POST", "/v2", "GET, HEAD"),
        ("POST", "/v2/health/ready", "GET, HEAD"),
        ("POST", "/v2/models/model", "GET, HEAD"),
        ("DELETE", "/v2/models/model/ready", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_lists_the_allowed_ones(
    server: RunningServer, method: str, path: str, allowed: str
) -> None:
    response = server.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert response.text == f"{path}: expected {allowed}, got {method}."


@pytest.mark.parametrize("path", ["/v2/models/model/infer", "/v2/models/model/versions/1/infer"])
def test_a_wrong_method_of_a_path_that_could_be_a_model_s_name_is_405(server: RunningServer, path: str) -> None:
    response = server.get(path)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json() == {"error": f"{path}: expected POST, got GET."}
    assert server.request("HEAD", path).status_code == 405
    assert server.get("/v2/models/nothing").status_code == 404


@pytest.mark.parametrize(
    ("body", "content_type", "place"),
    [
        (b"1,2\n3,x\n", "text/csv", [{"row": 2}, {"column": 2}]),
        (
            b'{"instances": [{"features": [1, 2]}, {"features": [1, "x"]}]}',
            "application/json",
            ["instances", 1, "features", 1],
        ),
        (
            b'{"features": [1, 2]}\n{"features": [1, "x"]}\n',
            "application/jsonlines",
            [{"line": 2}, "instance", "features", 1],
        ),
    ],
)
def test_a_refusal_gives_its_place_as_data(
    forest: RunningServer, body: bytes, content_type: str, place: list[object]
) -> None:
    response = forest.post("/invocations", body, content_type)
    assert response.status_code == 400
    assert json.loads(response.headers["x-forecastle-place"]) == place, response.text


def test_a_path_that_is_html_is_returned_as_plain_text(server: RunningServer) -> None:
    response = server.get("/<script>alert(1)</script>")
    assert response.status_code == 404
    assert "<" not in response.text


def test_bytes_that_are_not_http_are_400(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"Invalid HTTP request received.")


@pytest.mark.parametrize("step", ["decode", "predict", "encode"])
def test_a_fault_of_the_server_is_500_and_only_the_log_has_its_traceback(server: RunningServer, step: str) -> None:
    server.ask()
    for more in ({}, {"sleep": 0.01}):  # in the event loop, and in the queue
        response = server.ask(fault=step, **more)
        name = response.headers["x-request-id"]
        assert response.status_code == 500
        assert response.text == f"The server failed; see its log for request id {name}."
        line = server.await_line("error", id=name)
        assert "ZeroDivisionError" in line["sentence"]
        assert f"a secret at {step}" in line["traceback"]


@pytest.mark.parametrize("step", ["decode", "predict", "encode"])
def test_a_fault_that_carries_the_request_is_logged_without_it(server: RunningServer, step: str) -> None:
    server.ask()
    for more in ({}, {"sleep": 0.01}):
        response = server.ask(fault=step, carried=True, **more)
        assert response.status_code == 500
        line = server.await_line("error", id=response.headers["x-request-id"])
        assert line["sentence"] == "KeyError: (its arguments are not shown)"
        assert line["traceback"].startswith("Traceback (most recent call last):\n")
        assert line["traceback"].endswith("\nKeyError: (its arguments are not shown)\n")


@pytest.mark.parametrize("step", ["decode", "predict", "encode"])
def test_what_the_model_refuses_at_any_step_is_400(server: RunningServer, step: str) -> None:
    for more in ({}, {"sleep": 0.01}):
        response = server.ask(refuse=step, **more)
        assert (response.status_code, response.text) == (400, f"Refused at {step}.")


def test_half_a_surrogate_pair_in_a_sentence_becomes_a_question_mark(server: RunningServer) -> None:
    for path in ("/invocations", "/endpoints/any/invocations"):
        body = b'{"rows": [], "refuse": "decode", "because": "\\ud800"}'
        response = server.post(path, body, "application/json")
        assert response.status_code in (400, 424)
        assert "Refused at decode?." in response.text
