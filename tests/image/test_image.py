"""The image, as `docker run` has it on a laptop and SageMaker in its hosts."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from algorithms import find

REPOSITORY = Path(__file__).parents[2]
IMAGE = "forecastle:test"
EXAMPLE = find("random_cut_forest").example
PATIENCE_SECONDS = 180

# As the image is by default, and as a cautious host runs it: a user without a name, nothing to write to but /tmp.
ROOT: list[str] = []
STRANGER = ["--user", "12345", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
USERS = pytest.mark.parametrize("options", [ROOT, STRANGER], ids=["root", "uid-12345-read-only"])

pytestmark = pytest.mark.image


def docker(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True)


@pytest.fixture(scope="module")
def image() -> str:
    if not shutil.which("docker") or docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers here, and the image needs one to be built")
    built = subprocess.run(["docker", "build", "-t", IMAGE, str(REPOSITORY)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-4000:]
    return IMAGE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An /opt/ml tree with the example's job in it, which anybody may write to."""
    shutil.copytree(EXAMPLE / "input", tmp_path / "ml" / "input")
    for folder in ("model", "output"):
        (tmp_path / "ml" / folder).mkdir()
        (tmp_path / "ml" / folder).chmod(0o777)
    return tmp_path / "ml"


@USERS
def test_it_trains_and_serves_the_example(image: str, tree: Path, options: list[str]) -> None:
    trained = docker("run", "--rm", *options, "-v", f"{tree}:/opt/ml", image, "train", check=False)
    assert trained.returncode == 0, trained.stderr
    assert "Random Cut Forest built: " in trained.stdout
    assert {path.stat().st_uid for path in (tree / "model").iterdir()} == {12345 if options else os.getuid()}
    with serving(image, tree, options) as (name, url):
        status, answer = ask(url, (EXAMPLE / "request.csv").read_bytes(), "text/csv")
        assert status == 200
        ordinary, surge, storm = (row["score"] for row in json.loads(answer)["scores"])
        assert min(surge, storm) > 2 * ordinary
        body = json.dumps({"instances": [{"features": [16083.0]}, {"data": {"features": {"values": [27]}}}]})
        again = json.loads(ask(url, body.encode(), "application/json")[1])["scores"]
        assert [row["score"] for row in again] == [ordinary, storm]
        status, sentence = ask(url, b"16083\nmany\n", "text/csv")
        assert (status, sentence) == (400, b"row 2, column 1: expected a number, got 'many'.")
        docker("stop", name)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name).stdout.strip() == "0"


@USERS
def test_a_job_that_cannot_be_done_exits_1_with_its_cause_first(image: str, tree: Path, options: list[str]) -> None:
    (tree / "input" / "config" / "hyperparameters.json").write_text('{"feature_dim": "1", "num_trees": "20"}')
    trained = docker("run", "--rm", *options, "-v", f"{tree}:/opt/ml", image, "train", check=False)
    assert trained.returncode == 1
    cause = "Hyperparameter num_trees must be an integer in [50, 1000]. Got '20'."
    assert cause in trained.stderr
    assert (tree / "output" / "failure").read_text().splitlines()[0] == cause
    assert list((tree / "model").iterdir()) == []


@contextmanager
def serving(image: str, tree: Path, options: list[str]) -> Iterator[tuple[str, str]]:
    """A container that serves the tree's model, read-only: its name and its address."""
    started = docker(
        "run", "-d", *options, "-p", "127.0.0.1::8080", "-v", f"{tree / 'model'}:/opt/ml/model:ro", image, "serve"
    )
    name = started.stdout.strip()
    try:
        url = "http://" + docker("port", name, "8080/tcp").stdout.split()[0]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not pinged(url):
            running = docker("inspect", "-f", "{{.State.Running}}", name).stdout.strip() == "true"
            assert running, docker("logs", name).stderr
            assert time.monotonic() < deadline, "it did not become ready"
            time.sleep(0.1)
        yield name, url
    finally:
        docker("rm", "-f", name)


def pinged(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def ask(url: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
