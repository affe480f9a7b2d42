"""`forecastle invoke`: a request to a server, an endpoint or a model, and its answer."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecastle.container.answer_table import table_of
from forecastle.container.request_file import media_type_of
from forecastle.contract.errors import InvalidData, NotReady
from tests.client.scripted_server import ScriptedServer
from tests.region.endpoints import config, endpoint, model, trained
from tests.region.running_region import RunningRegion
from tests.serving.running_server import TINY_ALGORITHM, RunningServer, write_model

COMMAND = str(Path(sys.executable).parent / "forecastle")
ALGORITHMS = {"FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms")}
SCORES = b'{"scores": [{"score": 6.0}, {"score": 15.0}]}'


def invoke(*arguments: str, given: bytes = b"", **environ: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [COMMAND, "invoke", *arguments], input=given, env=os.environ | ALGORITHMS | environ, capture_output=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("invoked"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with RunningServer(folder, {}) as running:
        yield running.await_ready()


def test_a_file_is_sent_to_a_server(server: RunningServer, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("1,2,3\n4,5,6\n")
    done = invoke("--url", server.url, str(rows))
    assert (done.returncode, done.stdout, done.stderr) == (0, SCORES + b"\n", b"")


def test_standard_input_is_sent_to_a_path_of_its_own(server: RunningServer) -> None:
    done = invoke("--url", f"{server.url}/invocations", given=b"1,2,3\n4,5,6\n")
    assert (done.returncode, done.stdout) == (0, SCORES + b"\n")


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("json", SCORES + b"\n"),
        ("csv", b"record,score\n0,6.0\n1,15.0\n"),
        ("table", b"record  score\n     0      6\n     1     15\n"),
    ],
)
def test_a_model_answers_in_this_process_in_three_forms(folder: Path, output: str, printed: bytes) -> None:
    done = invoke("--model", str(folder / "model"), "--output", output, given=b"1,2,3\n4,5,6\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, b"")


def test_custom_attributes_are_sent(server: RunningServer, folder: Path) -> None:
    for target in (("--url", server.url), ("--model", str(folder / "model"))):
        done = invoke(*target, "--attributes", "attribution=true", given=b"1\n")
        assert json.loads(done.stdout)["attributes"] == "attribution=true"


def test_a_model_of_several_is_named(tmp_path: Path) -> None:
    write_model(tmp_path)
    with RunningServer(tmp_path, {"SAGEMAKER_MULTI_MODEL": "true"}) as running:
        running.await_ready().load("mine", tmp_path / "model")
        done = invoke("--url", running.url, "--target-model", "mine", given=b"1,2\n")
        assert json.loads(done.stdout) == {"scores": [{"score": 3.0}]}
        assert (
            b"404 Not Found: Model not found: yours" in invoke("--url", running.url, "--target-model", "yours").stderr
        )


def test_a_refusal_is_one_sentence_with_the_place(server: RunningServer, folder: Path) -> None:
    done = invoke("--url", server.url, given=b"abc\n")
    sentence = "row 1, column 1: expected a number, got 'abc'."
    address = f"{server.url}/invocations"
    assert (done.returncode, done.stderr.decode()) == (1, f"forecastle: {address}: 400 Bad Request: {sentence}\n")
    done = invoke("--model", str(folder / "model"), given=b"abc\n")
    assert (done.returncode, done.stderr.decode()) == (1, f"forecastle: {sentence}\n")


def test_a_server_that_failed_is_the_machine_s_fault(server: RunningServer) -> None:
    done = invoke("--url", server.url, given=b'{"rows": [[1]], "fault": "predict"}')
    assert done.returncode == NotReady.exit_code
    assert b"500 Internal Server Error: The server failed; see its log" in done.stderr


def test_a_server_that_is_not_there_is_the_machine_s_fault(unused_port: int) -> None:
    done = invoke("--url", f"http://127.0.0.1:{unused_port}", given=b"1\n")
    assert done.returncode == NotReady.exit_code
    assert done.stderr.decode() == (
        f"forecastle: http://127.0.0.1:{unused_port}/invocations: no answer (Connection refused).\n"
    )


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"hello\r\n\r\n", "no answer (hello)."),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a"', "no answer (IncompleteRead"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nab", "400 Bad Request"),
    ],
    ids=["not HTTP", "breaks off", "a refusal breaks off"],
)
def test_an_answer_that_is_no_answer_gets_one_sentence(sent: bytes, sentence: str) -> None:
    with ScriptedServer([sent], closes=True) as server:
        done = invoke("--url", server.url, given=b"1\n")
    assert done.returncode in (1, NotReady.exit_code)
    assert sentence in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--url", "ftp://x", "-"], "--url: expected an address such as http://127.0.0.1:8080, got 'ftp://x'."),
        (["--url", "http://x:y", "-"], "--url: expected an address such as http://127.0.0.1:8080, got 'http://x:y'."),
        (["--url", "http://[x", "-"], "--url: expected an address such as http://127.0.0.1:8080, got 'http://[x'."),
        (["--url", "http://x y", "-"], "--url: expected an address such as http://127.0.0.1:8080, got 'http://x y'."),
        (["--url", "http://x", "--model", "y"], "--url and --model exclude each other."),
        (["nowhere.csv"], "nowhere.csv: cannot be read (No such file or directory)."),
        (["--model", "nowhere"], "nowhere"),
        (["--content-type", "rows", "-"], "Content-Type: expected a media type such as text/csv, got 'rows'."),
        (["--ouput", "csv"], "No such option '--ouput'. (Did you mean one of: '--output'"),
    ],
)
def test_wrong_usage_is_reported_in_a_sentence(arguments: list[str], sentence: str) -> None:
    done = invoke(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert sentence in done.stderr.decode()


def test_an_endpoint_of_a_local_region_is_asked(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", "--bucket", "data") as region:
        name = endpoint(region, config(region, {"all": (model(region, trained(region)), 1.0)}))
        environ = {
            "AWS_ENDPOINT_URL": region.address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        done = invoke("--endpoint", name, "--output", "csv", given=b"1\n", **environ)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"record,mean\n0,2.0\n", b"")
        done = invoke("--endpoint", "other", given=b"1\n", **environ)
        assert done.returncode == 1
        assert done.stderr.startswith(b"forecastle: Endpoint other: 400 Bad Request: Endpoint other of account ")


def test_without_boto3_an_endpoint_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ImportError")
    done = invoke("--endpoint", "any", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "forecastle: Endpoints are reached with boto3, which is not installed: pip install boto3.\n",
    )


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"1,2\n", "text/csv"),
        (b"", "text/csv"),
        (b'{"instances": []}', "application/json"),
        (b'{\n "instances": []\n}', "application/json"),
        (b'{"target": [1]}\n{"target": [2]}\n', "application/jsonlines"),
        (b"\x0a\x23\xd7\xce\x00", "application/x-recordio-protobuf"),
    ],
)
def test_the_media_type_is_seen(body: bytes, media_type: str) -> None:
    assert media_type_of(body) == media_type


def test_forecasts_are_a_table_with_a_row_for_each_step() -> None:
    table = table_of(
        b'{"predictions": [{"mean": [1.5, 2], "quantiles": {"0.9": [3, 4]}, "samples": [[5, 6], [7, 8]]}]}'
    )
    assert table.columns == ["record", "step", "mean", "quantiles.0.9", "samples.0", "samples.1"]
    assert table.rows == [[0, 0, 1.5, 3, 5, 7], [0, 1, 2, 4, 6, 8]]


def test_attributions_are_a_table_with_a_column_for_each_share() -> None:
    table = table_of(b'{"scores": [{"score": 1, "attribution": {"high": [0.1, 0.2], "low": [0, 0]}}]}')
    assert table.columns[1:] == [
        "score",
        "attribution.high.0",
        "attribution.high.1",
        "attribution.low.0",
        "attribution.low.1",
    ]


@pytest.mark.parametrize("body", [b"text", b'{"predictions": [{"mean": [1], "other": [1, 2]}]}', b'{"scores": []}'])
def test_an_answer_that_is_no_table_gets_one_sentence(body: bytes) -> None:
    with pytest.raises(InvalidData, match=r"^The answer (is no JSON|has no form of a table)"):
        table_of(body)
