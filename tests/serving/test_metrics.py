"""The metrics at /metrics."""

import re

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


def test_every_figure_is_described_where_the_metrics_are_made(server: RunningServer) -> None:
    text = server.get("/metrics").text
    ours = {name for name in re.findall(r"^# TYPE (forecastle_\w+)", text, re.MULTILINE) if "_created" not in name}
    assert forecastle.serving.metrics.__doc__ is not None
    assert ours == set(re.findall(r"forecastle_\w+", forecastle.serving.metrics.__doc__))
