"""Models that are loaded and unloaded while others answer requests."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from forecastle.serving.queue import runner_count
from tests.serving.conftest import SEVERAL, Start, Write
from tests.serving.running_server import PATIENCE_SECONDS, RunningServer
from tests.serving.test_queue import await_metric

WEIGHTS = 2**23  # numbers of 8 bytes
WEIGHT_KIB = WEIGHTS * 8 / 1024


def anonymous_kib(server: RunningServer) -> int:
    """The anonymous memory of the process."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))


@pytest.mark.parametrize("parameters", [{}, {"circular": True}])
def test_unloading_gives_the_memory_back_before_the_reply(
    several: RunningServer, write: Write, parameters: dict[str, Any]
) -> None:
    url = write(weights=WEIGHTS, **parameters)
    several.load("first", write("small"))
    several.invoke("first")
    before = anonymous_kib(several)
    for _ in range(3):
        assert several.load("large", url).status_code == 200
        assert several.invoke("large", sleep=0.001).status_code == 200
        assert several.invoke("large", sleep=0.001, fault="predict").status_code == 500
        assert anonymous_kib(several) > before + 0.9 * WEIGHT_KIB
        assert several.unload("large").status_code == 200
        assert anonymous_kib(several) < before + 0.2 * WEIGHT_KIB
    assert several.invoke("first").status_code == 200


def test_the_first_model_gives_its_memory_back_too_though_it_was_kept_with_its_libraries(
    start: Start, write: Write
) -> None:
    several = start(SEVERAL).await_ready()
    before = anonymous_kib(several)
    several.load("large", write(weights=WEIGHTS, circular=True))
    assert anonymous_kib(several) > before + 0.9 * WEIGHT_KIB
    several.unload("large")
    assert anonymous_kib(several) < before + 0.4 * WEIGHT_KIB


def test_a_model_that_could_not_be_loaded_frees_its_memory(several: RunningServer, write: Write) -> None:
    several.load("first", write("small"))
    before = anonymous_kib(several)
    assert several.load("large", write("large", weights=WEIGHTS, broken=True)).status_code == 400
    assert anonymous_kib(several) < before + 0.2 * WEIGHT_KIB


def test_waiting_requests_are_answered_before_a_model_is_unloaded(several: RunningServer, write: Write) -> None:
    several.load("taxi", write())
    several.load("bus", write())
    with ThreadPoolExecutor(16) as pool:
        busy = [pool.submit(several.invoke, "taxi", sleep=0.5) for _ in range(runner_count() + 3)]
        await_metric(several, "forecastle_queue_requests", len(busy))
        gone = pool.submit(several.unload, "taxi")
        while several.get("/models/taxi").status_code == 200:
            time.sleep(0.01)
        assert not gone.done()
        assert several.invoke("taxi").status_code == 404  # nothing more is taken in
        assert several.invoke("bus").status_code == 200
        assert gone.result().status_code == 200
        assert [task.result().json() for task in busy] == [{"scores": [{"score": 3}]}] * len(busy)


def test_while_a_model_is_loaded_pings_and_other_models_are_answered(several: RunningServer, write: Write) -> None:
    several.load("taxi", write())
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(several.load, "bus", write("slow", load_seconds=2.0))
        for _ in range(5):
            assert several.get("/ping").status_code == 200
            assert several.invoke("taxi").status_code == 200
            assert several.invoke("taxi", sleep=0.001).status_code == 200
        assert several.invoke("bus").status_code == 404
        assert several.unload("bus").status_code == 404
        assert not slow.done()
        assert slow.result().status_code == 200
    assert several.invoke("bus").status_code == 200


def test_a_name_is_free_again_once_its_model_is_unloaded(several: RunningServer, write: Write) -> None:
    for _ in range(3):
        assert several.load("taxi", write()).status_code == 200
        assert several.invoke("taxi").status_code == 200
        assert several.unload("taxi").status_code == 200


def test_a_client_that_gives_up_finds_the_model_loaded_later(several: RunningServer, write: Write) -> None:
    body = b'{"model_name": "taxi", "url": "%s"}' % str(write(load_seconds=0.5)).encode()
    with several.connection() as connection:
        connection.sendall(b"POST /models HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while several.get("/models/taxi").status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert several.invoke("taxi").status_code == 200


def test_a_signal_ends_the_server_though_a_model_is_being_loaded(start: Start, write: Write) -> None:
    server = start(SEVERAL).await_ready()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.load, "taxi", write(load_seconds=1.0))
        time.sleep(0.3)
        server.signal()
        assert slow.result().status_code == 200  # what came in is answered
    assert server.await_end() == 0
    assert server.stderr == ""


def test_many_clients_load_ask_and_unload_at_once(several: RunningServer, write: Write) -> None:
    url = write(weights=2**16)

    def life(number: int) -> list[int]:
        name = f"model-{number % 5}"
        return [
            several.load(name, url).status_code,
            several.invoke(name, sleep=0.001).status_code,
            several.invoke(name).status_code,
            several.unload(name).status_code,
        ]

    with ThreadPoolExecutor(10) as pool:
        lives = list(pool.map(life, range(40)))
    assert {tuple(one) for one in lives} <= {
        (a, b, c, d) for a in (200, 409) for b in (200, 404) for c in (200, 404) for d in (200, 404)
    }
    assert several.get("/models").json() == {"models": []}
    assert sum(one[0] == 200 for one in lives) == sum(one[3] == 200 for one in lives)
