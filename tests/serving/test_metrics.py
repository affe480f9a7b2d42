"""The metrics at /metrics."""

import re
from concurrent.futures import ThreadPoolExecutor

import forecastle.serving.metrics
from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer


def test_requests_are_counted_by_route_and_status(start: Start) -> None:
    server = start().await_ready()
    for _ in range(3):
        server.post("/invocations")
    server.post("/endpoints/a/invocations")
    server.post("/endpoints/b/invocations", b"")
    server.get("/any/thing")
    text = server.get("/metrics").text
    assert 'forecastle_requests_total{path="/invocations",status="200"} 3.0' in text
    assert 'forecastle_requests_total{path="/endpoints/{name}/invocations",status="200"} 1.0' in text
    assert 'forecastle_requests_total{path="/endpoints/{name}/invocations",status="424"} 1.0' in text
    assert 'forecastle_requests_total{path="other",status="404"} 1.0' in text
    assert 'forecastle_request_seconds_count{path="/invocations"} 3.0' in text
    assert 'forecastle_request_seconds_bucket{le="60.0",path="/invocations"} 3.0' in text
    assert 'forecastle_model_loaded{model="echo_sum"} 1.0' in text
    assert re.search(r"process_resident_memory_bytes \d", text)


def figures(server: RunningServer) -> dict[str, float]:
    """The values of /metrics by their names with labels."""
    return {
        name: float(value)
        for name, value in re.findall(r"^(forecastle_\S+) (\S+)$", server.get("/metrics").text, re.MULTILINE)
    }


def test_stages_and_rows_of_predictions_are_measured(start: Start) -> None:
    server = start(cost=1.0).await_ready()  # too dear for the event loop: it is queued
    before = figures(server)
    assert server.post("/invocations", b"1,2\n3,4\n5,6\n").status_code == 200
    server.post("/invocations", b"x")  # is not decoded, and so not predicted
    after = figures(server)
    grown = {
        stage: after[name] - before[name]
        for stage in ("decode", "queue", "predict", "encode")
        if (name := f'forecastle_stage_seconds_count{{stage="{stage}"}}')
    }
    assert grown == {"decode": 1, "queue": 1, "predict": 1, "encode": 1}
    assert after["forecastle_rows_total"] - before["forecastle_rows_total"] == 3
    spent = 'forecastle_stage_seconds_sum{stage="predict"}'
    assert 0 < after[spent] - before[spent] < 60


def test_refusals_are_counted_by_reason(start: Start) -> None:
    server = start({"MAX_CONTENT_LENGTH": "100"}).await_ready()
    server.post("/invocations", b"x")
    server.post("/invocations", b"1" * 200)
    server.ask(fault="predict")
    server.get("/nowhere")
    found = figures(server)
    for reason in ("invalid_data", "payload_too_large", "internal_error", "not_found"):
        assert found[f'forecastle_refusals_total{{reason="{reason}"}}'] == 1


def test_requests_in_flight_are_those_that_are_not_answered(start: Start) -> None:
    server = start().await_ready()
    assert figures(server)["forecastle_requests_in_flight"] == 1  # the one that asks
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(server.ask, sleep=3)
        while figures(server)["forecastle_requests_in_flight"] < 2:
            assert not slow.done()
        assert slow.result().status_code == 200
    assert figures(server)["forecastle_requests_in_flight"] == 1


def test_every_figure_is_described_where_the_metrics_are_made(server: RunningServer) -> None:
    text = server.get("/metrics").text
    ours = {name for name in re.findall(r"^# TYPE (forecastle_\w+)", text, re.MULTILINE) if "_created" not in name}
    assert forecastle.serving.metrics.__doc__ is not None
    assert ours == set(re.findall(r"forecastle_\w+", forecastle.serving.metrics.__doc__))
