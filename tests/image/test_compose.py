"""docker-compose.yml, with the commands of docs/operations.md, in a checkout that another user owns."""

import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecastle.contract.artifact import read_artifact
from tests.image.conftest import REPOSITORY
from tests.image.container import pinged

pytestmark = pytest.mark.image

SOMEBODY = 4321


@pytest.fixture
def checkout(image: str, tmp_path: Path) -> Iterator[Path]:
    """The files of a checkout that compose needs, owned by a user other than root if the tests may change that."""
    shutil.copy(REPOSITORY / "docker-compose.yml", tmp_path)
    shutil.copytree(REPOSITORY / "algorithms" / "random_cut_forest" / "example", tmp_path / EXAMPLE)
    if os.getuid() == 0:
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, SOMEBODY, SOMEBODY)
    yield tmp_path
    compose(tmp_path, image, "--profile", "*", "down", "--volumes")


EXAMPLE = Path("algorithms", "random_cut_forest", "example")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def compose(checkout: Path, image: str, *arguments: str, port: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run `docker compose` there with an existing image and a unique project name."""
    environ = os.environ | {"IMAGE": image, "PORT": str(port), "COMPOSE_PROJECT_NAME": f"forecastle-{checkout.name}"}
    command = ["docker", "compose", *arguments]
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True)


def test_a_model_is_trained_and_served_and_belongs_to_whose_the_checkout_is(
    image: str, checkout: Path, port: int
) -> None:
    trained = compose(checkout, image, "run", "--rm", "train")
    assert trained.returncode == 0, trained.stderr
    assert read_artifact(checkout / "ml" / "model").algorithm == "random_cut_forest"
    owner = SOMEBODY if os.getuid() == 0 else os.getuid()
    assert {path.stat().st_uid for path in (checkout / "ml", *(checkout / "ml").rglob("*"))} == {owner}
    served = compose(checkout, image, "up", "serve", "--wait", port=port)
    assert served.returncode == 0, served.stderr
    assert pinged(port)


def test_the_demo_trains_serves_and_shows_the_page(image: str, checkout: Path, port: int) -> None:
    shown = compose(checkout, image, "--profile", "demo", "up", "--wait", port=port)
    assert shown.returncode == 0, shown.stderr
    page = f"http://127.0.0.1:{port}/docs"
    assert f"The model's page: {page}\n" in compose(checkout, image, "logs", "demo", port=port).stdout
    with urllib.request.urlopen(page) as response:
        assert b"<title>forecastle</title>" in response.read()


def test_another_algorithms_hyperparameters_are_refused(image: str, checkout: Path) -> None:
    shutil.copytree(checkout / EXAMPLE / "input", checkout / "ml" / "input")
    (checkout / "algorithms" / "deepar").mkdir()
    (checkout / "algorithms" / "deepar" / "example").mkdir()
    arguments = ("run", "--rm", "-e", "FORECASTLE_ALGORITHM=deepar", "train")
    done = compose(checkout, image, *arguments)
    assert done.returncode == 1
    assert "Hyperparameter " in done.stderr


def test_a_region_answers(image: str, checkout: Path, port: int) -> None:
    started = compose(checkout, image, "up", "region", "--wait", port=port)
    assert started.returncode == 0, started.stderr
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", form) as response:
        assert b":assumed-role/forecastle/" in response.read()
