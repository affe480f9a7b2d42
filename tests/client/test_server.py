"""Clients of servers that are busy, gone, or not what they should be."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from forecastle import PredictorError, RandomCutForestPredictor
from tests.client.scripted_server import ScriptedServer, answer

SCORES = answer("200 OK", json.dumps({"scores": [{"score": 1.5}]}).encode(), "Content-Type: application/json")


def soon() -> str:
    return format_datetime(datetime.now(UTC) - timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
@pytest.mark.parametrize("pause", ["0", soon()], ids=["seconds", "a date"])
def test_a_busy_server_is_asked_again_when_it_says(status: str, pause: str) -> None:
    busy = answer(status, b"The queue is full: retry.", f"Retry-After: {pause}")
    with ScriptedServer([busy, busy, SCORES]) as server:
        assert RandomCutForestPredictor(server.url).predict([[1.0]]).tolist() == [1.5]
        assert server.bodies == [b"1.0\n"] * 3


def test_a_server_that_stays_busy_is_given_up_with_its_own_sentence() -> None:
    busy = answer("503 Service Unavailable", b"The queue is full: retry.", "Retry-After: 60")
    with ScriptedServer([busy]) as server:
        with pytest.raises(PredictorError, match=r"^The queue is full: retry\.$") as refused:
            RandomCutForestPredictor(server.url, patience=1.0).predict([[1.0]])
        assert refused.value.status == 503
        assert len(server.bodies) == 1


def test_an_error_that_does_not_ask_to_come_back_is_raised_at_once() -> None:
    for body in (b"Broken.", b'{"message": "Broken."}'):
        with ScriptedServer([answer("503 Service Unavailable", body)]) as server:
            with pytest.raises(PredictorError, match=r"^Broken\.$"):
                RandomCutForestPredictor(server.url).predict([[1.0]])
            assert len(server.bodies) == 1


def test_a_connection_that_was_closed_while_it_was_idle_is_replaced() -> None:
    with ScriptedServer([SCORES], closes=True) as server:
        predictor = RandomCutForestPredictor(server.url)
        assert [predictor.predict([[1.0]]).tolist() for _ in range(3)] == [[1.5]] * 3


def test_one_connection_is_used_for_many_requests() -> None:
    with ScriptedServer([SCORES]) as server:
        predictor = RandomCutForestPredictor(f"{server.url}/models/taxi/invoke?x=1")
        for _ in range(3):
            predictor.predict([[1.0]])
        assert {head.splitlines()[0] for head in server.heads} == {b"POST /models/taxi/invoke?x=1 HTTP/1.1"}


def test_no_server_is_one_sentence() -> None:
    with pytest.raises(PredictorError, match=r"^http://127\.0\.0\.1:9: no server answers \(Connection refused\)\.$"):
        RandomCutForestPredictor("http://127.0.0.1:9").predict([[1.0]])


def test_a_server_that_does_not_answer_in_time_is_one_sentence() -> None:
    with (
        ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]) as server,
        pytest.raises(PredictorError, match=r": expected an answer within 0\.2 s, got none\.$"),
    ):
        RandomCutForestPredictor(server.url, timeout=0.2).predict([[1.0]])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", r"Expected scores as JSON, got b'<html>': is this a Random Cut Forest\?"),
        (b'{"scores": []}', r"Expected 1 scores, one for each row, got 0\."),
    ],
)
def test_an_answer_of_something_else_is_refused(body: bytes, sentence: str) -> None:
    with ScriptedServer([answer("200 OK", body)]) as server, pytest.raises(PredictorError, match=sentence):
        RandomCutForestPredictor(server.url).predict([[1.0]])


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port", "http://[host", "http://a host"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^Expected a URL such as http://127\.0\.0\.1:8080, got "):
        RandomCutForestPredictor(url)


def test_what_is_no_target_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^target: expected a URL, a model's folder, .*, got an object of type int\.$"
    ):
        RandomCutForestPredictor(7)
    with pytest.raises(PredictorError, match=r"^no/such/folder: expected a model's folder or model\.tar\.gz, there is"):
        RandomCutForestPredictor("no/such/folder")
