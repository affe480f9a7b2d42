"""Comparisons with the reference trainer, marked `mxnet`, are skipped where it is not installed."""

import importlib.util

import pytest

INSTALLED = all(importlib.util.find_spec(name) for name in ("mxnet", "gluonts"))
SKIP = pytest.mark.skip(reason="mxnet and gluonts, the reference that ours is held to, are not installed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not INSTALLED and item.get_closest_marker("mxnet"):
            item.add_marker(SKIP)
