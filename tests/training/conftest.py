"""The tiny algorithm, for the process of the tests."""

import pytest

from forecastle import algorithms
from tests.training.tree import TINY


@pytest.fixture
def tiny_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What FORECASTLE_ALGORITHMS does in a new process."""
    monkeypatch.setattr(algorithms, "__path__", [*algorithms.__path__, str(TINY / "algorithms")])
