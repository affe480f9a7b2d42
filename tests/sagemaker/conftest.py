"""The SDKs and the image, for tests with SageMaker's own clients."""

import pytest

from tests.image.conftest import build
from tests.sagemaker.sdk import Sdk, made


@pytest.fixture(scope="session")
def sdk2() -> Sdk:
    return made(2)


@pytest.fixture(scope="session")
def sdk3() -> Sdk:
    return made(3)


@pytest.fixture(scope="session")
def image() -> str:
    return build("forecastle:test", "full")
