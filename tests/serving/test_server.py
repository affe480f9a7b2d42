"""The lifecycle of a server."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forecastle.contract.artifact import MANIFEST
from tests.serving.conftest import Start
from tests.serving.running_server import ROOT, RunningServer, write_model


def test_ping_and_invocations_are_503_until_the_model_has_made_a_prediction(start: Start) -> None:
    server = start(load_seconds=1.0).await_port()
    ping, invocation = server.get("/ping"), server.post("/invocations")
    assert (ping.status_code, ping.text) == (503, "The model is being loaded and warmed up.")
    assert invocation.status_code == 503
    assert invocation.text == "The model is still being loaded: retry once GET /ping answers 200."
    assert not server.lines("ready")
    server.await_ready()
    assert (server.get("/ping").content, server.post("/invocations").status_code) == (b"", 200)
    assert server.await_line("ready")["model"] == "echo_sum"


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_ping_also_answers_head_and_post(server: RunningServer, method: str) -> None:
    response = server.request(method, "/ping")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_came_in_be_answered_and_ends_with_0(start: Start, number: signal.Signals) -> None:
    server = start().await_ready()
    with ThreadPoolExecutor(1) as pool, server.connection() as idle:
        slow = pool.submit(server.ask, sleep=1.0)
        while "forecastle_batch_requests_count 1" not in server.get("/metrics").text:
            time.sleep(0.01)
        server.signal(number)
        assert idle.recv(1) == b""  # closed: nothing was under way on it
        with pytest.raises(ConnectionRefusedError), server.connection():
            pass
        assert slow.result().json() == {"scores": [{"score": 3}]}
    assert server.await_end() == 0
    assert server.stderr == ""
    server.await_line("stop")


def test_a_signal_while_the_model_is_loaded_ends_with_0(start: Start) -> None:
    server = start(load_seconds=60).await_port()
    assert server.get("/ping").status_code == 503
    server.signal()
    assert server.await_end() == 0


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_place(start: Start, tmp_path: Path) -> None:
    server = start(broken=True)
    assert server.await_end() == 1
    sentence = f"{tmp_path}/model: parameters.broken: expected nothing, got something."
    assert server.stderr == f"forecastle: {sentence}\n"


def test_a_folder_without_a_model_ends_the_server_with_its_place(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model" / MANIFEST).unlink()
    with RunningServer(tmp_path, {}) as server:
        assert server.await_end() == 1
    assert server.stderr.startswith(f"forecastle: {tmp_path}/model: there is no manifest.json")
    assert server.stderr.count("\n") == 1


def test_a_fault_of_ours_in_loading_ends_the_server_with_2_and_a_traceback(start: Start) -> None:
    server = start(bug=True)
    assert server.await_end() == 2
    assert "ZeroDivisionError: a bug of the model's" in server.stderr


def test_the_port_and_the_host_are_settings(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start({"SAGEMAKER_BIND_TO_PORT": str(port), "FORECASTLE_HOST": "0.0.0.0"}).await_ready()
    assert (server.host, server.port) == ("0.0.0.0", port)
    assert server.await_line("start")["url"] == f"http://0.0.0.0:{port}"


def test_a_port_that_is_taken_ends_the_server_with_one_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start({"SAGEMAKER_BIND_TO_PORT": str(port)})
        assert server.await_end() == 1
    assert server.stderr == f"forecastle: 127.0.0.1:{port}: the server cannot listen there (Address already in use).\n"


def test_a_host_that_is_unknown_ends_the_server_with_one_sentence(start: Start) -> None:
    server = start({"FORECASTLE_HOST": "no.such.host.invalid"})
    assert server.await_end() == 1
    assert server.stderr.startswith("forecastle: no.such.host.invalid:0: the server cannot listen there (")


def test_a_server_imports_nothing_that_only_training_needs(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(f"{number % 7},{number % 11}\n" for number in range(200)))
    train = ("train", "random_cut_forest", "--data", str(rows), "--set", "num_trees=50", "--set", "feature_dim=2")
    subprocess.run(
        [sys.executable, "-m", "forecastle", *train, "--out", str(tmp_path / "model")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    with RunningServer(tmp_path, {"PYTHONPROFILEIMPORTTIME": "1", "HOME": os.environ["HOME"]}) as server:
        server.await_ready()
        assert server.post("/invocations", b"1,2\n").status_code == 200
        assert server.get("/metrics").status_code == 200
        server.signal()
        assert server.await_end() == 0
    names = {line.rpartition("|")[2].strip() for line in server.stderr.splitlines()}
    imported = {name.partition(".")[0] for name in names}
    assert {"numpy", "numba", "starlette"} <= imported
    assert "fastapi" not in imported  # which only the OpenAPI document needs
    assert {"forecastle.serving", "forecastle.algorithms"} <= names
    # scipy is not among them: numba imports it wherever it finds it.
    assert not imported & {"sklearn", "pandas", "gluonts", "mxnet", "torch", "matplotlib", "boto3"}
    assert "forecastle.training" not in names
