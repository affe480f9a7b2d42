"""Request ids, and the log line of a request."""

import pytest

from tests.serving.running_server import RunningServer


def test_a_valid_request_id_is_the_clients_and_is_in_response_and_log(server: RunningServer) -> None:
    response = server.post("/invocations", headers={"X-Request-Id": "order-17.b:2"})
    assert response.headers["x-request-id"] == "order-17.b:2"
    assert server.await_line("request", id="order-17.b:2")["status"] == 200


@pytest.mark.parametrize("given", [None, "", "two words", 'quote"', "x" * 129])
def test_any_other_request_id_is_one_of_ours(server: RunningServer, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    first, second = (server.post("/invocations", headers=headers).headers["x-request-id"] for _ in range(2))
    assert len(first) == 32
    assert int(first, 16) != int(second, 16)


def test_answers_of_every_kind_carry_a_request_id(server: RunningServer) -> None:
    for path in ("/ping", "/docs", "/metrics", "/nowhere", "/invocations", "/openapi.json", "/execution-parameters"):
        assert server.get(path, headers={"X-Request-Id": "same"}).headers["x-request-id"] == "same"


def test_the_line_of_an_answered_request_has_these_fields_and_no_others(server: RunningServer) -> None:
    headers = {"X-Request-Id": "line-1", "X-Amzn-SageMaker-Inference-Id": "mine"}
    server.ask()
    server.post("/endpoints/taxi/invocations", b'{"rows": [[1]], "sleep": 0.01}', "application/json", headers=headers)
    line = server.await_line("request", id="line-1")
    times = {"ms", "decode_ms", "queue_ms", "predict_ms", "encode_ms"}
    assert {name: value for name, value in line.items() if name not in times} == {
        "time": line["time"],
        "event": "request",
        "id": "line-1",
        "method": "POST",
        "path": "/endpoints/taxi/invocations",
        "status": 200,
        "bytes_in": 30,
        "bytes_out": 26,
        "model": "echo_sum",
        "endpoint": "taxi",
        "inference_id": "mine",
    }
    assert line["ms"] >= line["predict_ms"] >= 10
    assert line["time"].endswith("Z")


def test_the_line_of_a_refused_request_has_the_sentence(server: RunningServer) -> None:
    server.post("/invocations", b"", headers={"X-Request-Id": "line-2"})
    line = server.await_line("request", id="line-2")
    assert (line["status"], line["error"]) == (400, "Body: expected rows, got nothing.")


def test_a_healthy_ping_leaves_no_line(server: RunningServer) -> None:
    server.get("/ping", headers={"X-Request-Id": "silent"})
    server.get("/execution-parameters", headers={"X-Request-Id": "after"})
    server.await_line("request", id="after")
    assert not [line for line in server.lines("request") if line["path"] == "/ping" and line["status"] == 200]


def test_several_requests_on_one_connection_are_answered_in_order(server: RunningServer) -> None:
    request = b"POST /invocations HTTP/1.1\r\nHost: a\r\nX-Request-Id: %d\r\nContent-Length: 4\r\n\r\n1,%d\n"
    with server.connection() as connection:
        connection.sendall(b"".join(request % (number, number) for number in range(5)))
        answer = b""
        while answer.count(b"scores") < 5:
            answer += connection.recv(65536)
    places = [answer.index(b'"score": %d.0' % (number + 1)) for number in range(5)]
    assert places == sorted(places)
