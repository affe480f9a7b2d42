"""The image, built once; measurements are printed at the end."""

import shutil
from pathlib import Path

import pytest

from tests.image.container import STRANGER, docker, train
from tests.image.example import ALGORITHMS, write_job

REPOSITORY = Path(__file__).parents[2]

_FIGURES = pytest.StashKey[list[str]]()


class Figures:
    """Measurements, which are printed and fail no test."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def add(self, name: str, value: float, unit: str) -> None:
        self._lines.append(f"{value:8.2f} {unit:<3} {name}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[_FIGURES]
    if lines:
        terminalreporter.section("figures of the image")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    return Figures(pytestconfig.stash[_FIGURES])


def build(tag: str, variant: str) -> str:
    if not shutil.which("docker") or docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers here, and the image needs one to be built")
    docker("build", "--build-arg", f"VARIANT={variant}", "-t", tag, REPOSITORY)
    return tag


@pytest.fixture(scope="session")
def image() -> str:
    return build("forecastle:test", "full")


@pytest.fixture(scope="session")
def lean_image() -> str:
    return build("forecastle:test-lean", "lean")


@pytest.fixture(scope="session", params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def trained(image: str, algorithm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An /opt/ml whose job the image has done, for a user without a name, on a read-only system without a network."""
    tree = write_job(tmp_path_factory.mktemp(algorithm) / "ml", algorithm)
    done = train(image, tree, *STRANGER, "--network", "none")
    assert done.returncode == 0, done.stderr
    return tree
