"""docker-compose.yml, with the commands of docs/operations.md, in a checkout that another user owns."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import numpy as np
import pytest

from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.artifact import read_artifact
from tests.image.clients import Clients
from tests.image.conftest import REPOSITORY, Figures
from tests.image.container import PATIENCE_SECONDS, docker, pinged

pytestmark = pytest.mark.image

SOMEBODY = 4321
BALANCER = "forecastle-balancer:test"
REPLICAS, CLIENTS = 2, 200


@pytest.fixture(scope="session")
def balancer(image: str) -> str:
    del image  # its fixture skips the test if there is no engine
    docker("build", "-t", BALANCER, REPOSITORY / "deploy" / "balancer")
    return BALANCER


@pytest.fixture
def checkout(image: str, balancer: str, tmp_path: Path) -> Iterator[Path]:
    """The files of a checkout that compose needs, owned by a user other than root if the tests may change that."""
    del balancer
    shutil.copy(REPOSITORY / "docker-compose.yml", tmp_path)
    shutil.copytree(REPOSITORY / "deploy", tmp_path / "deploy")
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
    return run(checkout, image, "docker", "compose", *arguments, port=port)


def run(checkout: Path, image: str, *command: str, port: int = 0) -> "subprocess.CompletedProcess[str]":
    environ = {"IMAGE": image, "BALANCER_IMAGE": BALANCER, "PORT": str(port)}
    environ["COMPOSE_PROJECT_NAME"] = f"forecastle-{checkout.name}"
    return subprocess.run(command, cwd=checkout, env=os.environ | environ, capture_output=True, text=True)


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


def test_replicas_are_replaced_and_killed_without_losing_a_request(
    image: str, checkout: Path, port: int, figures: Figures
) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2))
    RandomCutForest(50, 64, random_state=0).fit(rows).save(checkout / "ml" / "model")
    started = compose(checkout, image, "up", "serve", "--wait", "--scale", f"serve={REPLICAS}", port=port)
    assert started.returncode == 0, started.stderr
    status, headers, sentence = asked(port, b"0.1,0.2\n0.1,abc\n")
    assert (status, sentence) == (400, "row 2, column 2: expected a number, got 'abc'.")
    assert headers["X-Forecastle-Place"] == '[{"row": 2}, {"column": 2}]'
    status, _, sentence = asked(port, bytes(2**25))
    assert (status, sentence[:42]) == (413, "Body: expected at most 26214400 bytes (set")
    before = replicas(checkout, image)
    with Clients(port, CLIENTS) as clients:
        updated = run(checkout, image, "deploy/rolling-update.sh", port=port)
        assert updated.returncode == 0, updated.stderr
        after = replicas(checkout, image)
        docker("kill", after[0])  # as the kernel does when memory runs out
        clients.await_answers(3 * CLIENTS)
    assert len(before) == len(after) == REPLICAS
    assert not {*before} & {*after}
    assert all('"path":"/invocations"' in docker("logs", replica).stdout for replica in after)
    assert not clients.lost, clients.lost[:3]
    figures.add(
        f"requests of {CLIENTS} clients while {REPLICAS} replicas were replaced and one killed", clients.answered, ""
    )
    figures.add("  the slowest of them", clients.slowest, "s")


def asked(port: int, body: bytes) -> tuple[int, Message, str]:
    """Status, headers and body of the answer to a CSV body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "text/csv"})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


def replicas(checkout: Path, image: str) -> list[str]:
    """The ids of the containers that serve."""
    return compose(checkout, image, "ps", "--quiet", "serve").stdout.split()


def test_the_demo_trains_serves_and_shows_the_page(image: str, checkout: Path, port: int) -> None:
    shown = compose(checkout, image, "--profile", "demo", "up", "--wait", port=port)
    assert shown.returncode == 0, shown.stderr
    page = f"http://127.0.0.1:{port}/docs"
    since = time.monotonic()  # it is printed after a check of its own, which may come after Docker's
    while f"The model's page: {page}\n" not in compose(checkout, image, "logs", "demo", port=port).stdout:
        assert time.monotonic() < since + PATIENCE_SECONDS
        time.sleep(0.2)
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
