"""Servers for the tests: a shared one, and those that tests start."""

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
    """A ready server with default settings, for tests that do not change it."""
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
    """Start a server with these settings and a model with these parameters; it is stopped after the test."""
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
    """A server of several models, without any before and after the test."""
    yield several_models
    for model in several_models.get("/models").json()["models"]:
        several_models.unload(model["modelName"])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a model with these parameters and return its folder, named as by the platform."""

    def write(folder: str = "any", **parameters: Any) -> Path:
        return write_model(tmp_path / "models" / folder, **parameters) / "model"

    return write
