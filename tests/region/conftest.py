"""A region that tests share."""

from collections.abc import Iterator

import pytest

from tests.image.conftest import build
from tests.region.running_region import RunningRegion


@pytest.fixture(scope="package")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegion]:
    with RunningRegion(tmp_path_factory.mktemp("region") / "home", "--bucket", "data") as running:
        yield running


@pytest.fixture(scope="session")
def image() -> str:
    return build("forecastle:test", "full")
