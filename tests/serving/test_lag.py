"""The event loop's lag, and what is blamed for it."""

import re
import signal
import time

import pytest

from tests.serving.conftest import Start
from tests.serving.running_server import PATIENCE_SECONDS, RunningServer


def lag_buckets(server: RunningServer) -> dict[str, float]:
    """How many samples of the loop were at most this late."""
    text = server.get("/metrics").text
    found = re.findall(r'^forecastle_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', text, re.MULTILINE)
    return {limit: float(count) for limit, count in found}


def await_beats(server: RunningServer, count: int = 4) -> dict[str, float]:
    """The metrics after this many further samples of the loop."""
    enough = lag_buckets(server)["+Inf"] + count
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (buckets := lag_buckets(server))["+Inf"] < enough:
        assert time.monotonic() < deadline, "the loop is not looked at"
        time.sleep(0.05)
    return buckets


@pytest.mark.parametrize("how", ["dawdle", "doze"])
def test_a_stall_is_logged_with_the_stack_that_caused_it_and_counted(start: Start, how: str) -> None:
    server = start().await_ready()
    server.ask()  # small requests of this kind are read in the event loop from here on
    await_beats(server)
    assert server.ask(**{how: 0.6}).status_code == 200
    line = server.await_line("stall")
    assert line["ms"] > 200
    places = [place.rpartition(" ")[2] for place in line["stack"]]
    assert {"_answer_at_once", "decode", "_hold_up"} <= set(places)
    assert any(place.startswith("serving/routes/invocations.py:") for place in line["stack"])
    if how == "dawdle":
        assert line["cpu_ms"] > 200
    else:  # it waited: perhaps for another thread
        assert set(line["threads"]) >= {"runner-0", "runner-1"}
    buckets = await_beats(server)
    assert buckets["+Inf"] - buckets["0.25"] >= 1


def test_a_process_that_is_stopped_has_no_stall(start: Start) -> None:
    server = start().await_ready()
    await_beats(server)
    before = lag_buckets(server)
    for _ in range(3):
        server.signal(signal.SIGSTOP)
        time.sleep(1.0)
        server.signal(signal.SIGCONT)
        buckets = await_beats(server)
    assert buckets["+Inf"] - buckets["1.0"] == before["+Inf"] - before["1.0"]
    assert not [line for line in server.lines("stall") if line["ms"] >= 1000 or line["cpu_ms"] >= 200]


def test_a_server_that_ends_logs_no_stall(start: Start) -> None:
    server = start().await_ready()
    server.ask(sleep=0.01)
    server.signal()
    assert server.await_end() == 0
    assert not [line for line in server.lines("stall") if line["cpu_ms"] >= 200]


def test_a_media_type_that_takes_long_to_parse_is_400(server: RunningServer) -> None:
    for more in (';a="' + ";" * 60_000, ";" * 60_000):
        response = server.post("/invocations", content_type="text/csv" + more)
        assert response.status_code == 400
        assert response.text.startswith("Content-Type: expected at most 1024 characters, got 600")
    assert not [line for line in server.lines("stall") if line["cpu_ms"] >= 200]
