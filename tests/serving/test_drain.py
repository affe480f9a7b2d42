"""Requests that were sent before the server was asked to stop are answered."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer, read_answer, read_answers

SCORED = b'{"scores": [{"score": 3.0}]}'
REQUEST = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: 4\r\n\r\n1,2\n"
STOPPING = b"The server is stopping, and the answer is not ready: retry after 1 s."
SLOW_HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CONNECTIONS = 20
WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


def slow(seconds: float) -> bytes:
    body = b'{"rows": [[1, 2]], "sleep": %f}' % seconds
    return SLOW_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextlib.contextmanager
def stopped(server: RunningServer) -> Iterator[None]:
    """The server's processes are suspended inside the block, and get SIGTERM before they continue."""
    os.killpg(server.pid, signal.SIGSTOP)
    pids = [server.pid, *_children(server)]
    while any(" T " not in Path(f"/proc/{pid}/stat").read_text() for pid in pids):
        time.sleep(0.01)
    try:
        yield
        server.signal()
    finally:
        os.killpg(server.pid, signal.SIGCONT)


def _await_refused_connection(server: RunningServer) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            with server.connection():
                time.sleep(0.01)


def _children(server: RunningServer) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


@WORKERS
def test_requests_that_were_sent_and_not_yet_read_are_answered(start: Start, workers: str) -> None:
    server = start({"MODEL_SERVER_WORKERS": workers}).await_ready()
    with ExitStack() as stack:
        kept = [stack.enter_context(server.connection()) for _ in range(CONNECTIONS)]
        for connection in kept:
            connection.sendall(REQUEST)
            assert read_answer(connection)[2] == SCORED
        with stopped(server):
            new = [stack.enter_context(server.connection()) for _ in range(CONNECTIONS)]
            for connection in kept + new:
                connection.sendall(REQUEST)
        for connection in kept + new:
            # Exactly one answer, and then the end of the stream.
            ((status, headers, body),) = read_answers(connection)
            assert (status, body) == (200, SCORED)
            # Several workers hear of the signal from their supervisor, and may have answered by then.
            assert headers.get("connection") in (["close"] if workers == "1" else ["close", None])
    assert server.await_end() == 0
    assert server.stderr == ""
    assert not server.lines("error")


@pytest.mark.parametrize("count", [2, 1000])
def test_pipelined_requests_are_answered_and_the_last_answer_closes(start: Start, count: int) -> None:
    server = start().await_ready()
    with server.connection() as connection:
        with stopped(server):
            connection.sendall(slow(0.2) + count * REQUEST)
        answers = read_answers(connection)
    closes = [headers.get("connection") == "close" for _, headers, _ in answers]
    assert closes == [False] * count + [True]


def test_a_request_of_which_half_was_sent_is_answered(start: Start) -> None:
    server = start().await_ready()
    with server.connection() as head, server.connection() as body, server.connection() as idle:
        head.sendall(REQUEST[:30])
        body.sendall(REQUEST[:-2])
        server.signal()
        assert idle.recv(1) == b""
        for connection, rest in ((head, REQUEST[30:]), (body, REQUEST[-2:])):
            connection.sendall(rest)
            ((status, headers, _),) = read_answers(connection)
            assert (status, headers["connection"]) == (200, "close")
    assert server.await_end() == 0


@WORKERS
@pytest.mark.parametrize("kept", [False, True])
def test_under_load_none_that_was_sent_before_the_signal_is_lost(start: Start, workers: str, kept: bool) -> None:
    server = start({"MODEL_SERVER_WORKERS": workers}).await_ready()
    stopping = threading.Event()
    outcomes: Counter[str] = Counter()

    def ask() -> None:
        with ExitStack() as stack:
            connection: socket.socket | None = None
            while True:
                before = not stopping.is_set()
                try:
                    connection = connection or stack.enter_context(server.connection())
                    connection.sendall(REQUEST)
                    before = before and not stopping.is_set()
                    _, headers, _ = read_answer(connection)
                except ConnectionRefusedError:
                    return
                except (OSError, IndexError):  # reset, or closed without an answer
                    outcomes["lost" if before else "after the signal"] += 1
                    return
                outcomes["answered"] += 1
                if not kept or headers.get("connection") == "close":
                    connection.close()
                    connection = None

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        tasks = [pool.submit(ask) for _ in range(CONNECTIONS)]
        time.sleep(1.0)
        stopping.set()
        server.signal()
        for task in tasks:
            task.result()
    assert outcomes["answered"] > CONNECTIONS
    assert outcomes["lost"] == 0
    assert server.await_end() == 0
    assert not server.lines("error")


def test_what_is_not_answered_in_time_is_503_with_retry_after(start: Start) -> None:
    server = start().await_ready()
    with server.connection() as running, server.connection() as head, server.connection() as body:
        running.sendall(slow(30) + REQUEST)
        while "forecastle_batch_requests_count 1" not in server.get("/metrics").text:
            time.sleep(0.01)
        head.sendall(REQUEST[:30])
        body.sendall(REQUEST[:-2])
        server.signal()
        _await_refused_connection(server)  # the drain has begun
        server.signal(signal.SIGINT)  # a second signal, from the keyboard: the drain's time is over
        for connection, count in ((running, 2), (head, 1), (body, 1)):
            answers = read_answers(connection)
            assert [answer[0] for answer in answers] == [503] * count
            assert answers[-1][1]["connection"] == "close"
            for _, headers, content in answers:
                assert headers["retry-after"] == "1"
                assert content == STOPPING
    assert server.await_end() == 0
    assert server.stderr == ""
    assert not server.lines("error")
    refused = [line for line in server.lines("request") if line.get("error") == STOPPING.decode()]
    assert [line["status"] for line in refused] == [503] * 4
