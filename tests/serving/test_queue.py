"""The queue: batches, timeouts and clients that disconnect."""

import contextlib
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx

from forecastle.serving.queue import runner_count
from tests.serving.conftest import Start
from tests.serving.running_server import PATIENCE_SECONDS, RunningServer, write_model

BUSY_SECONDS = 3.0  # in which a test sends what shall wait, on a machine that has other work


def metric(server: RunningServer, name: str) -> float:
    lines = server.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)


def await_metric(server: RunningServer, name: str, value: float) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while metric(server, name) != value:
        assert time.monotonic() < deadline, f"{name} never was {value}"
        time.sleep(0.01)


def occupy(server: RunningServer, pool: ThreadPoolExecutor, seconds: float) -> list["Future[httpx.Response]"]:
    """Occupy every runner, one after the other so that no two requests share a batch."""
    tasks = []
    for number in range(runner_count()):
        tasks.append(pool.submit(server.ask, sleep=seconds))
        await_metric(server, "forecastle_batch_requests_count", number + 1)
    return tasks


def test_requests_that_wait_together_are_predicted_together(start: Start) -> None:
    server = start().await_ready()
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, BUSY_SECONDS)
        waiting = [pool.submit(server.ask, rows=[[number]], sleep=0.01) for number in range(5)]
        await_metric(server, "forecastle_queue_requests", len(busy) + 5)
        answers = [task.result().json() for task in waiting]
    assert answers == [{"scores": [{"score": number}]} for number in range(5)]
    assert metric(server, "forecastle_batch_requests_count") == len(busy) + 1
    assert metric(server, "forecastle_batch_requests_sum") == len(busy) + 5
    assert metric(server, "forecastle_queue_requests") == 0


def test_a_fault_in_a_batch_is_answered_to_the_request_it_belongs_to(start: Start) -> None:
    server = start(lone_example=True).await_ready()  # JSON, of which none was answered yet, is decoded in the queue
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, BUSY_SECONDS)
        faults = [{}, {"fault": "predict"}, {"refuse": "predict"}, {"refuse": "decode"}, {"fault": "encode"}, {}]
        waiting = [pool.submit(server.ask, sleep=0.01, **fault) for fault in faults]
        await_metric(server, "forecastle_queue_requests", len(busy) + len(faults))
        statuses = [task.result().status_code for task in waiting]
    assert statuses == [200, 500, 400, 400, 500, 200]


def test_a_request_beyond_the_capacity_of_the_queue_is_503_with_retry_after(start: Start) -> None:
    server = start({"FORECASTLE_QUEUE": str(runner_count())}).await_ready()
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, BUSY_SECONDS)
        refused = server.ask(sleep=0.01)
        assert server.get("/ping").status_code == 200
        assert [task.result().status_code for task in busy] == [200] * len(busy)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.text == (
        f"The queue is full: {runner_count()} requests wait or are being answered "
        "(setting FORECASTLE_QUEUE): retry after 1 s."
    )
    assert server.ask(sleep=0.01).status_code == 200


def test_a_request_that_waited_past_its_time_is_503_and_not_predicted(start: Start) -> None:
    server = start({"MODEL_SERVER_TIMEOUT": "0.4"}).await_ready()
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, 1.2)
        late = server.ask(sleep=0.01)
        # Requests that are being predicted when their time is up get the same error; they cannot be interrupted.
        assert [task.result().status_code for task in busy] == [503] * len(busy)
    assert late.status_code == 503
    assert late.text == "The answer was not ready within 0.4 seconds (setting MODEL_SERVER_TIMEOUT)."
    await_metric(server, "forecastle_queue_requests", 0)
    assert metric(server, "forecastle_batch_requests_count") == len(busy)
    assert server.ask(sleep=0.01).status_code == 200


def test_a_request_whose_client_went_away_is_not_predicted(start: Start) -> None:
    server = start().await_ready()
    body = b'{"rows": [[1]], "sleep": 0.01}'
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Request-Id: gone\r\n"
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, BUSY_SECONDS)
        with server.connection() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await_metric(server, "forecastle_queue_requests", len(busy) + 1)
        line = server.await_line("request", id="gone")
        assert [task.result().status_code for task in busy] == [200] * len(busy)
    assert "status" not in line
    assert line["error"] == "The client disconnected before it was answered."
    assert metric(server, "forecastle_batch_requests_count") == len(busy)


def test_a_request_whose_client_disconnects_is_released_without_comparing_it(start: Start) -> None:
    server = start().await_ready()
    body = b'{"rows": [[1]], "sleep": 1}'
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Request-Id: gone\r\n"
    with server.connection() as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await_metric(server, "forecastle_batch_requests_count", 1)
    # Whoever shows a request of this algorithm as text, or compares it with another, raises.
    assert server.await_line("request", id="gone")["error"] == "The client disconnected before it was answered."
    await_metric(server, "forecastle_queue_requests", 0)
    assert not server.lines("error")
    assert server.ask(sleep=0.01).status_code == 200


def test_of_requests_that_wait_those_given_up_are_withdrawn_and_the_others_answered(start: Start) -> None:
    server = start().await_ready()
    body = b'{"rows": [[1]], "sleep": 0.01}'
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Request-Id: gone\r\n"
    with ThreadPoolExecutor(16) as pool:
        busy = occupy(server, pool, BUSY_SECONDS)
        before = pool.submit(server.ask, rows=[[1]], sleep=0.01)
        await_metric(server, "forecastle_queue_requests", len(busy) + 1)
        with server.connection() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await_metric(server, "forecastle_queue_requests", len(busy) + 2)
        after = pool.submit(server.ask, rows=[[2]], sleep=0.01)
        server.await_line("request", id="gone")
        scores = [task.result().json()["scores"] for task in (before, after)]
    assert scores == [[{"score": 1}], [{"score": 2}]]
    assert not server.lines("error")


def test_a_prediction_that_outlasts_the_drain_is_given_up_and_does_not_keep_the_process(tmp_path: Path) -> None:
    brief = (
        "import sys, forecastle.serving.server as server, forecastle.container.cli as cli; "
        "server.DRAIN_SECONDS = 1; sys.exit(cli.main(['serve']))"
    )
    with RunningServer(write_model(tmp_path), {}, prefix=(sys.executable, "-c", brief)) as server:
        server.await_ready()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(server.ask, sleep=100)
            await_metric(server, "forecastle_batch_requests_count", 1)
            server.signal()
            assert server.await_end() == 0  # no answer was waited for: it takes longer than we do
            with contextlib.suppress(httpx.TransportError):
                assert asked.result().status_code >= 500
    assert not [line for line in server.lines("error") if "a request was shown" in str(line)]


def test_a_ping_is_answered_while_every_core_predicts(start: Start) -> None:
    server = start().await_ready()
    with ThreadPoolExecutor(16) as pool:
        busy = [pool.submit(server.ask, spin=BUSY_SECONDS) for _ in range(2 * runner_count())]
        await_metric(server, "forecastle_queue_requests", len(busy))
        pings = [server.get("/ping").status_code for _ in range(5)]
        assert not any(task.done() for task in busy)
        assert [task.result().status_code for task in busy] == [200] * len(busy)
    assert pings == [200] * 5


def test_what_would_take_far_longer_than_is_allowed_is_413_and_not_begun(start: Start) -> None:
    server = start({"MODEL_SERVER_TIMEOUT": "1", "FORECASTLE_THREADS": "2"}).await_ready()
    answer = server.ask(sleep=3600)
    assert answer.status_code == 413
    assert answer.text == (
        "The answer would take about 1800 seconds, and 1 are allowed (setting MODEL_SERVER_TIMEOUT): "
        "ask for less at a time, such as fewer instances or samples."
    )
    assert server.ask(rows=[[1]]).status_code == 200
