"""Servers for the tests of S3: one that they share, and as many as they start."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.region.s3.running_s3 import RunningS3

Start = Callable[[], RunningS3]

_numbers = itertools.count()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningS3]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        with RunningS3(tmp_path_factory.mktemp("s3")) as running:
            yield running


@pytest.fixture(scope="package")
def s3(server: RunningS3) -> Any:
    """boto3's client of the shared server."""
    return server.client()


@pytest.fixture
def bucket(s3: Any) -> str:
    """A new bucket of the shared server."""
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server on the test's own folder; it ends with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RunningS3(tmp_path / "s3"))
