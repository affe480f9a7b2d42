"""The limits on a request's head."""

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from forecastle.serving.exchange import respond
from forecastle.serving.protocol import HEAD_BYTES, Protocol
from tests.serving.running_server import PATIENCE_SECONDS, RunningServer, read_answer

TOO_LARGE = b"Head: expected at most 65536 bytes in address and headers, got more."
LINE = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"


def test_a_head_may_be_as_large_as_the_limit(server: RunningServer) -> None:
    fill = HEAD_BYTES - len("/invocationsHostaContent-Typetext/csvX-FillContent-Length4")
    with server.connection() as connection:
        for size, status in ((fill, 200), (fill + 1, 431)):
            connection.sendall(LINE + b"X-Fill: " + b"x" * size + b"\r\nContent-Length: 4\r\n\r\n1,2\n")
            assert read_answer(connection)[0] == status


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", b"x" * 1000),  # an address
        (b"GET / HTTP/1.1\r\nX-Long: ", b"x" * 1000),  # a header
        (b"GET / HTTP/1.1\r\n", b"X-Many: x\r\n" * 100),  # headers
    ],
)
def test_a_head_without_end_is_431_and_closes_the_connection(server: RunningServer, begin: bytes, piece: bytes) -> None:
    with server.connection() as connection:
        connection.sendall(begin)
        with contextlib.suppress(ConnectionError):  # it may be closed before all is sent
            for _ in range(2 * HEAD_BYTES // len(piece)):
                connection.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
            assert answer.endswith(TOO_LARGE)
    server.await_line("request", status=431, error=TOO_LARGE.decode())
    assert server.get("/ping").status_code == 200


def test_a_large_body_before_the_next_head_does_not_count(server: RunningServer) -> None:
    body = b"1,2\n" * HEAD_BYTES
    request = LINE + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with server.connection() as connection:
        connection.sendall(request + LINE)
        assert read_answer(connection)[0] == 200
        connection.sendall(b"Content-Length: 4\r\n\r\n1,2\n")
        assert read_answer(connection)[0] == 200


BLANK_EVERY = 0.05  # seconds
KEEP_ALIVE_SECONDS = 3


class Impatient(Protocol):
    head_seconds = 0.3


@pytest.fixture(scope="module")
def impatient() -> Iterator[tuple[str, int]]:
    """The address of a server with this time limit for heads, and three times as much for answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await asyncio.sleep(3 * Impatient.head_seconds)
        await respond(send, 200, [], b"here")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, http=Impatient, loop="uvloop", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE_SECONDS
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def connection_to(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        yield connection


def test_a_head_that_does_not_end_in_time_is_408(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        status, headers, body = read_answer(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert body == b"Head: expected its end within 0.3 seconds."
        assert connection.recv(1) == b""


def test_a_connection_without_a_request_is_closed(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        assert connection.recv(1) == b""


def test_a_connection_on_which_nothing_but_blank_lines_come_is_closed(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(connection)[2] == b"here"
        with contextlib.suppress(ConnectionError):  # it may be closed before all is sent
            for _ in range(int(PATIENCE_SECONDS / BLANK_EVERY)):
                connection.sendall(b"\r\n")
                time.sleep(BLANK_EVERY)
                if select.select([connection], [], [], 0)[0]:
                    assert connection.recv(1) == b""
                    return
            pytest.fail("The connection is open all the same.")


def test_a_blank_line_before_a_head_is_passed_over(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        for _ in range(3):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(connection)[2] == b"here"
            connection.sendall(b"\r\n")


def test_a_blank_line_after_a_body_leaves_the_connection_open_for_long(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        for _ in range(2):  # the answer comes after the time a head has, and so does the next head
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(BLANK_EVERY)
            connection.sendall(b"\r\n")
            assert read_answer(connection)[2] == b"here"
            time.sleep(2 * Impatient.head_seconds)


def test_a_heads_time_begins_with_it_and_not_with_a_blank_line_before_it(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(connection)[2] == b"here"
        connection.sendall(b"\r\n")
        time.sleep(2 * Impatient.head_seconds)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.sendall(b"Host: a\r\n\r\n")
        assert read_answer(connection)[2] == b"here"


def test_a_later_head_that_stops_after_its_first_piece_is_408(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(connection)[2] == b"here"
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert read_answer(connection)[0] == 408


def test_an_incomplete_head_after_an_answer_does_not_cut_the_answer(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n")
        assert read_answer(connection)[2] == b"here"


def test_an_answer_may_take_longer_than_a_head(impatient: tuple[str, int]) -> None:
    with connection_to(impatient) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(connection)[2] == b"here"
