"""A third algorithm, in a folder elsewhere, is trained and served like the others without any other change."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = Path(sys.executable)
SOURCE = '''
"""The most frequent value."""

from collections import Counter
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.media_type import MediaType
from forecastle.algorithms.interface import Algorithm, Model, Payload

import numpy as np


class MostCommonHyperparameters(Hyperparameters):
    separator: str


class MostCommon(Model):
    def __init__(self, value):
        self.value = value

    def artifact(self):
        return Artifact({"value": np.array(self.value)})

    def sample_request(self):
        return Payload(b"?", MediaType.parse("text/plain"))

    def decode(self, payload):
        if not payload.body.strip(b"?\\n") == b"":
            raise InvalidData("byte 0: expected question marks.")
        return payload.body.count(b"?")

    def cost(self, request):
        return 0.0

    def predict(self, requests, threads):
        return [self.value * request for request in requests]

    def encode(self, prediction, media_type):
        return b"%d\\n" % prediction


class MostCommonAlgorithm(Algorithm):
    title = "Most Common"
    log_name = "MostCommon"
    hyperparameters = MostCommonHyperparameters
    channels = {"train": "numbers"}
    request_types = ("text/plain",)
    response_types = ("text/plain",)

    def fit(self, job):
        counts = Counter()
        for name, stream in job.channels["train"].streams():
            counts.update(int(part) for part in stream.read().decode().split(job.hyperparameters.separator))
        return MostCommon(counts.most_common(1)[0][0])

    def load(self, artifact, settings):
        return MostCommon(int(artifact.arrays["value"]))


ALGORITHM = MostCommonAlgorithm()
'''


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with an /opt/ml tree that contains a job, and with the algorithm."""
    folder = tmp_path / "mine" / "algorithms" / "most_common"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "algorithm.py").write_text(SOURCE)
    for path, content in {
        "config/hyperparameters.json": '{"separator": ";"}',
        "data/train/numbers": "1;7;3;7;9",
    }.items():
        file = tmp_path / "ml" / "input" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    others = {name: value for name, value in os.environ.items() if not name.startswith(("FORECASTLE_", "SAGEMAKER_"))}
    return others | {
        "FORECASTLE_ALGORITHMS": str(tmp_path / "mine" / "algorithms"),
        "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
        "SAGEMAKER_BIND_TO_PORT": "0",
    }


def forecastle(*arguments: str) -> list[str]:
    """The installed command: it must find the algorithm however it is started."""
    return [str(PYTHON.parent / "forecastle"), *arguments]


@contextmanager
def serving(environ: dict[str, str], *arguments: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to `forecastle serve`, once it is ready; it must then exit with 0 on SIGTERM."""
    with subprocess.Popen(forecastle("serve", *arguments), env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        log = ""
        try:
            while not (port := re.search(r'"port": ?(\d+)', log)):
                line = process.stdout.readline()
                assert line, log
                log += line
            connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=60)
            while ask(connection, "GET", "/ping")[0] != http.HTTPStatus.OK:
                assert process.poll() is None
            yield connection
            connection.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection.request(method, path, body, {"Content-Type": "text/plain"} if body else {})
    response = connection.getresponse()
    return response.status, response.read()


def test_a_third_algorithm_is_chosen_trained_served_and_queried(environ: dict[str, str], tmp_path: Path) -> None:
    trained = subprocess.run(forecastle("train"), env=environ, capture_output=True, text=True, timeout=120)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert json.loads((tmp_path / "ml" / "model" / "manifest.json").read_text())["algorithm"] == "most_common"
    with serving(environ) as connection:
        assert ask(connection, "POST", "/invocations", b"???\n") == (200, b"21\n")
        status, sentence = ask(connection, "POST", "/invocations", b"abc")
        assert status == http.HTTPStatus.BAD_REQUEST
        assert b"byte 0: expected question marks." in sentence


def test_it_is_trained_from_a_file_and_served_from_a_folder(environ: dict[str, str], tmp_path: Path) -> None:
    data, out = tmp_path / "numbers", tmp_path / "out"
    data.write_text("5,5,1")
    environ["SAGEMAKER_BASE_DIR"] = str(tmp_path / "nowhere")
    environ["SAGEMAKER_BIND_TO_PORT"] = "1"
    command = forecastle("train", "most_common", "--data", str(data), "--set", "separator=,", "--out", str(out))
    assert subprocess.run(command, env=environ, capture_output=True, timeout=120).returncode == 0
    with serving(environ, "--model", str(out), "--host", "127.0.0.1", "--port", "0") as connection:
        assert ask(connection, "POST", "/invocations", b"?") == (200, b"5\n")
