"""The tiny algorithm, known to the process of the tests too."""

import pytest

import forecastle.algorithms
from tests.training.tree import TINY


@pytest.fixture
def tiny_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PYTHONPATH would have it for a new process."""
    monkeypatch.setattr(algorithms, "__path__", [*forecastle.algorithms.__path__, str(TINY / "algorithms")])
