"""The limit on bodies."""

import pytest

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer, read_answer

SENTENCE = b"Body: expected at most 1000 bytes (setting MAX_CONTENT_LENGTH), got %s."
HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
SMALL = HEAD + b"Content-Length: 4\r\n\r\n1,2\n"


@pytest.fixture
def narrow(start: Start) -> RunningServer:
    return start({"MAX_CONTENT_LENGTH": "1000", "MODEL_SERVER_TIMEOUT": "0.5"}).await_ready()


def test_the_limit_names_itself_and_leaves_the_connection_usable(narrow: RunningServer) -> None:
    exact = b"1" * 300 + b"\n" + b"1" * 698 + b"\n"
    assert narrow.post("/invocations", exact).status_code == 200

    with narrow.connection() as connection:  # refused by its length, before any of it was sent
        connection.sendall(HEAD + b"Content-Length: 1001\r\n\r\n")
        status, _, body = read_answer(connection)
        assert (status, body) == (413, SENTENCE % b"1001")
        connection.sendall(b"x" * 1001 + SMALL)
        assert read_answer(connection)[0] == 200

    with narrow.connection() as connection:  # in chunks
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"320\r\n" + b"x" * 800 + b"\r\n")
        connection.sendall(b"320\r\n" + b"x" * 800 + b"\r\n")
        status, _, body = read_answer(connection)
        assert (status, body) == (413, SENTENCE % b"more")
        connection.sendall(b"320\r\n" + b"x" * 800 + b"\r\n0\r\n\r\n" + SMALL)
        assert read_answer(connection)[0] == 200

    with narrow.connection() as connection:  # a client that asks first
        connection.sendall(HEAD + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (413, "close")

    with narrow.connection() as connection:  # a client that stops in the middle
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n1,2")
        status, headers, body = read_answer(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert "retry-after" not in headers
        assert body == b"Body: expected its end within 0.5 seconds (setting MODEL_SERVER_TIMEOUT)."


def test_a_body_in_chunks_is_put_together(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n1,\r\n3\r\n2\n3\r\n4\r\n,40\n\r\n0\r\n\r\n")
        assert read_answer(connection)[2] == b'{"scores": [{"score": 3.0}, {"score": 43.0}]}'


def test_a_client_that_expects_100_continue_gets_it(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(HEAD + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert read_answer(connection)[0] == 100
        connection.sendall(b"1,2\n")
        assert read_answer(connection)[0] == 200


def test_a_client_that_disconnects_before_its_body_ends_is_logged(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(HEAD + b"X-Request-Id: gone-early\r\nContent-Length: 9\r\n\r\n1,2")
    line = server.await_line("request", id="gone-early")
    assert "status" not in line
    assert line["error"] == "The client disconnected before it was answered."
