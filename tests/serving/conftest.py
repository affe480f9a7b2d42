"""Servers for the tests: one that they share, and as many as they start."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.random_cut_forest import RandomCutForest
from tests.serving.running_server import RunningServer, write_model

Start = Callable[..., RunningServer]
Write = Callable[..., Path]
SEVERAL = {"SAGEMAKER_MULTI_MODEL": "True"}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A ready server with ordinary settings, for tests that leave it as it is."""
    with RunningServer(write_model(tmp_path_factory.mktemp("shared")), {}) as running:
        yield running.await_ready()


@pytest.fixture(scope="package")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of an algorithm that has a page."""
    base = tmp_path_factory.mktemp("forest")
    RandomCutForest(10, 32, random_state=0).fit(np.random.default_rng(0).normal(size=(300, 2))).save(base / "model")
    with RunningServer(base, {}) as running:
        yield running.await_ready()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server with settings of its own, and a model with such parameters; it ends with the test."""
    with ExitStack() as stack:

        def start(environ: dict[str, str] | None = None, **parameters: Any) -> RunningServer:
            return stack.enter_context(RunningServer(write_model(tmp_path, **parameters), environ or {}))

        yield start


@pytest.fixture(scope="package")
def several_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("several"), SEVERAL) as running:
        yield running.await_ready()


@pytest.fixture
def several(several_models: RunningServer) -> Iterator[RunningServer]:
    """A server of several models, which holds none before the test nor after it."""
    yield several_models
    for model in several_models.get("/models").json()["models"]:
        several_models.unload(model["modelName"])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a model with such parameters, and give its folder, as the platform would name it."""

    def write(folder: str = "any", **parameters: Any) -> Path:
        return write_model(tmp_path / "models" / folder, **parameters) / "model"

    return write
