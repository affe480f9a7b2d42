"""Servers for the tests: one that they share, and as many as they start."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.running_server import RunningServer, write_model

Start = Callable[..., RunningServer]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A ready server with ordinary settings, for tests that leave it as it is."""
    with RunningServer(write_model(tmp_path_factory.mktemp("shared")), {}) as running:
        yield running.await_ready()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server with settings of its own, and a model with such parameters; it ends with the test."""
    with ExitStack() as stack:

        def start(environ: dict[str, str] | None = None, **parameters: object) -> RunningServer:
            return stack.enter_context(RunningServer(write_model(tmp_path, **parameters), environ or {}))

        yield start
