"""The image's health check."""

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forecastle.container.healthcheck import healthy, ready
from forecastle.contract.settings import Settings


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers everything with `status`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ping" else 404)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False)])
def test_a_server_is_ready_when_its_ping_is_200(status: int, expected: bool) -> None:
    with answering(status) as port:
        assert ready({"SAGEMAKER_BIND_TO_PORT": str(port)}) is expected


@pytest.mark.parametrize("notation", ["{}.0", " {} ", "{}e0"])
def test_the_port_is_read_as_the_server_reads_it(notation: str) -> None:
    with answering(200) as port:
        given = {"SAGEMAKER_BIND_TO_PORT": notation.format(port)}
        assert Settings.from_environ(given).port == port
        assert ready(given)


def test_where_nothing_listens_nothing_is_ready() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not ready(os.environ | {"SAGEMAKER_BIND_TO_PORT": str(bound.getsockname()[1])})


@pytest.mark.parametrize(("verb", "expected"), [("train", True), ("serve", False)])
def test_a_job_is_healthy_as_long_as_it_runs(tmp_path: Path, verb: str, expected: bool) -> None:
    command = tmp_path / "cmdline"
    command.write_bytes(b"/usr/bin/python\0/usr/bin/forecastle\0%s\0" % verb.encode())
    with answering(503) as port:
        assert healthy(command, {"SAGEMAKER_BIND_TO_PORT": str(port)}) is expected
