"""Servers in the image."""

import json
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forecastle.contract.artifact import read_artifact
from forecastle.contract.media_type import JSON
from tests.image.conftest import Figures
from tests.image.container import (
    CACHE_LOG,
    PATIENCE_SECONDS,
    READ_ONLY,
    ROOT,
    STRANGER,
    Server,
    await_running,
    docker,
    serving,
    started,
)
from tests.image.example import ENVIRON, answers_here, exchanges, requests
from tests.image.test_training import assert_nothing_compiled, assert_nothing_written

pytestmark = pytest.mark.image

SMALL = ("--memory", "512m", *(argument for name, value in ENVIRON.items() for argument in ("-e", f"{name}={value}")))


@pytest.mark.parametrize("options", [ROOT, STRANGER, READ_ONLY], ids=["root", "stranger", "read-only"])
def test_it_answers_as_the_model_does_outside_the_image(
    image: str, trained: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    name = read_artifact(trained / "model").algorithm
    for setting, value in ENVIRON.items():
        monkeypatch.setenv(setting, value)
    expected = answers_here(name, trained / "model")
    with serving(image, trained / "model", *options, *SMALL, *CACHE_LOG) as server:
        how = " ".join(options) or "as it is"
        figures.add(f"{name}, {how}: from docker run to the first 200", server.seconds, "s")
        figures.add("  processor time of that", server.cpu_seconds, "s")
        for content_type, body, accept in exchanges(name):
            assert server.ask(body, content_type, accept) == expected[content_type, accept]
        log = server.log()
        if not options:
            assert_nothing_written(server.name)
    assert_nothing_compiled(log)


def test_it_answers_what_came_before_it_was_stopped_and_exits_0(image: str, trained: Path) -> None:
    name = read_artifact(trained / "model").algorithm
    with serving(image, trained / "model") as server, ThreadPoolExecutor(1) as pool:
        content_type, body = slow_request(name)
        answer = pool.submit(server.ask, body, content_type, JSON)
        while "forecastle_batch_requests_count 1" not in metrics(server):
            time.sleep(0.01)
        assert not answer.done(), "the request was to be under way"
        assert server.stop() == 0
        assert answer.result()


def slow_request(algorithm: str) -> tuple[str, bytes]:
    """A request that takes about a second."""
    content_type, body = next(iter(requests(algorithm)))
    if algorithm == "random_cut_forest":
        return content_type, body * 1_000_000
    document = json.loads(body)
    if algorithm == "seq2seq":
        return content_type, json.dumps({"instances": document["instances"] * 5_000}).encode()
    document["configuration"]["num_samples"] = 20_000
    return content_type, json.dumps(document).encode()


def metrics(server: Server) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=PATIENCE_SECONDS) as response:
        return str(response.read(), "utf-8")


def test_its_health_is_known_to_docker_on_any_port_and_without_a_network(image: str, trained: Path) -> None:
    options = ("--network", "none", "--health-interval", "1s", "-e", "SAGEMAKER_BIND_TO_PORT=9090")
    since = time.monotonic()
    with started(image, "serve", *options, "-v", f"{trained / 'model'}:/opt/ml/model:ro") as name:
        while docker("inspect", "-f", "{{.State.Health.Status}}", name).stdout.strip() != "healthy":
            await_running(name, since)
            time.sleep(0.1)
        check = ("python", "-m", "forecastle.container.healthcheck")
        assert docker("exec", name, *check).returncode == 0
        assert docker("exec", "-e", "SAGEMAKER_BIND_TO_PORT=9091", name, *check, check=False).returncode == 1


def test_a_model_that_is_missing_is_one_sentence(image: str) -> None:
    done = docker("run", "--rm", image, "serve", check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"forecastle: /opt/ml/model: there is no such folder: .*\n", done.stderr)
