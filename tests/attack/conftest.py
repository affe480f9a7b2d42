"""Servers under attack."""

from collections.abc import Iterator

import numpy as np
import pytest

from forecastle.algorithms.random_cut_forest import RandomCutForest
from tests.attack.raw_client import require_calm
from tests.serving.running_server import RunningServer, write_model


@pytest.fixture(scope="package")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(write_model(tmp_path_factory.mktemp("attacked")), {}) as running:
        yield running.await_ready()


@pytest.fixture
def server(_server: RunningServer) -> Iterator[RunningServer]:
    """A server of the tiny algorithm, which raises if a request is shown or compared; it is idle after each test."""
    yield _server
    require_calm(_server)


@pytest.fixture(scope="package")
def _forest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("forest")
    rows = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    RandomCutForest(10, 32, random_state=0).fit(rows).save(base / "model")
    with RunningServer(base, {"MAX_CONTENT_LENGTH": str(2**21)}) as running:
        yield running.await_ready()


@pytest.fixture
def forest(_forest: RunningServer) -> Iterator[RunningServer]:
    """A server of a Random Cut Forest of two columns, for bodies of at most 2 MiB; it is idle after each test."""
    yield _forest
    require_calm(_forest)
