"""A running server with a DeepAR model, as a client sees it."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.interface import Payload
from forecastle.contract.artifact import write_artifact
from forecastle.contract.media_type import MediaType
from tests.algorithms.deepar.networks import random_network
from tests.serving.running_server import RunningServer

JSON, LINES = "application/json", "application/jsonlines"
INSTANCE = {"start": "2024-01-01 00:00:00", "target": [100, 120, None, 90.5] * 10}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("ml")
    write_artifact(
        base / "model", replace(DeepARModel(random_network(prediction_length=4)).artifact(), algorithm="deepar")
    )
    config = json.dumps({"num_samples": 10, "output_types": ["quantiles"], "quantiles": ["0.50"]})
    with RunningServer(base, {"DEEPAR_INFERENCE_CONFIG": config}) as running:
        yield running.await_ready()


def asked(server: RunningServer, *instances: dict[str, Any], **configuration: Any) -> httpx.Response:
    document: dict[str, Any] = {"instances": instances}
    if configuration:
        document["configuration"] = configuration
    return server.post("/invocations", json.dumps(document).encode(), JSON)


def test_a_request_without_a_configuration_is_answered_with_the_mean(server: RunningServer) -> None:
    response = asked(server, INSTANCE, INSTANCE)
    assert (response.status_code, response.headers["content-type"]) == (200, JSON)
    assert [(list(one), len(one["mean"])) for one in response.json()["predictions"]] == [(["mean"], 4)] * 2


@pytest.fixture(scope="module")
def transform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server as a batch transform starts it."""
    base = tmp_path_factory.mktemp("batch")
    write_artifact(
        base / "model", replace(DeepARModel(random_network(prediction_length=4)).artifact(), algorithm="deepar")
    )
    config = json.dumps({"num_samples": 10, "output_types": ["quantiles"], "quantiles": ["0.50"]})
    with RunningServer(base, {"DEEPAR_INFERENCE_CONFIG": config, "SAGEMAKER_BATCH": "true"}) as running:
        yield running.await_ready()


@pytest.mark.parametrize("content_type", [None, "", LINES, "jsonlines", "application/octet-stream", "text/plain"])
@pytest.mark.parametrize("accept", [None, "*/*", LINES])
def test_a_batch_transform_takes_lines_and_gives_lines_whatever_its_headers_leave_out(
    transform: RunningServer, content_type: str | None, accept: str | None
) -> None:
    body = b"".join(json.dumps(INSTANCE).encode() + b"\n" for _ in range(3))
    headers = {} if accept is None else {"Accept": accept}
    response = transform.post("/invocations", body, content_type, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (200, LINES)
    assert [list(json.loads(line)["quantiles"]) for line in response.text.splitlines()] == [["0.50"]] * 3


def test_a_batch_transform_of_bare_records_in_json_is_answered_in_json(transform: RunningServer) -> None:
    for accept in ({}, {"Accept": "*/*"}):
        response = transform.post("/invocations", json.dumps(INSTANCE).encode(), JSON, headers=accept)
        assert (response.status_code, response.headers["content-type"]) == (200, JSON)
        assert [list(one["quantiles"]) for one in response.json()["predictions"]] == [["0.50"]]
    response = transform.post("/invocations", json.dumps(INSTANCE).encode(), JSON, headers={"Accept": LINES})
    assert list(json.loads(response.text)["quantiles"]) == ["0.50"]


def test_a_batch_transform_is_told_of_a_type_that_is_known_and_not_read(transform: RunningServer) -> None:
    response = transform.post("/invocations", b"1,2", "text/csv")
    assert (response.status_code, response.text[:22]) == (415, "Content-Type: expected")


def test_a_batch_is_answered_a_line_a_series_as_the_environment_wants_it(server: RunningServer) -> None:
    body = b"".join(json.dumps(INSTANCE).encode() + b"\n" for _ in range(3))
    response = server.post("/invocations", body, LINES, headers={"Accept": LINES})
    assert (response.status_code, response.headers["content-type"]) == (200, LINES)
    assert [list(json.loads(line)["quantiles"]) for line in response.text.splitlines()] == [["0.50"]] * 3


def test_the_same_seed_gives_the_same_bytes_in_a_crowd(server: RunningServer) -> None:
    def ask(number: int) -> bytes | None:
        if number % 2:
            asked(server, *[INSTANCE] * (number % 5 + 1), num_samples=30)
            return None
        return asked(server, INSTANCE, num_samples=50, seed=1, output_types=["samples", "quantiles"]).content

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(40))) - {None}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("instance", "configuration", "status", "sentence"),
    [
        (
            {**INSTANCE, "target": [1, "x"]},
            {},
            400,
            'instances[1].target[1]: expected a number, null or "NaN", got "x".',
        ),
        (
            INSTANCE,
            {"quantiles": [1.5]},
            400,
            "configuration.quantiles[0]: expected a number between 0 and 1, got 1.5.",
        ),
        (
            {**INSTANCE, "cat": [0]},
            {},
            400,
            "instances[1].cat: expected none, as the model was trained without categories, got a list: leave it out.",
        ),
    ],
)
def test_an_error_is_one_line(
    server: RunningServer, instance: dict[str, Any], configuration: dict[str, Any], status: int, sentence: str
) -> None:
    response = asked(server, INSTANCE, instance, **configuration)
    assert (response.status_code, response.text) == (status, sentence)


def test_more_paths_than_time_allows_are_refused_with_the_number_that_would_do(tmp_path: Path) -> None:
    model = DeepARModel(random_network(prediction_length=400))
    write_artifact(tmp_path / "model", replace(model.artifact(), algorithm="deepar"))

    def cost(series: int, num_samples: int) -> float:
        document = {"instances": [INSTANCE] * series, "configuration": {"num_samples": num_samples}}
        return model.cost(model.decode(Payload(json.dumps(document).encode(), MediaType.parse(JSON))))

    with RunningServer(tmp_path, {"MODEL_SERVER_TIMEOUT": "1", "FORECASTLE_THREADS": "1"}) as running:
        server = running.await_ready()
        asked(server, INSTANCE)  # of a type that was answered before, it is refused before the queue
        for series, num_samples, sentence in (
            (3, 100_000, "num_samples may be at most {} for 3 series, got 100000."),
            (2000, 100, "with num_samples 100 a request may have at most {} series, got 2000."),
            (4000, 20_000, "num_samples may be at most {} for one series, got 20000."),
        ):
            response = asked(server, *[INSTANCE] * series, num_samples=num_samples)
            assert response.status_code == 413
            before = r"The answer would take about \d+ seconds, and 1 are allowed \(setting MODEL_SERVER_TIMEOUT\): "
            match = re.fullmatch(before + re.escape(sentence).replace(r"\{\}", r"(\d+)"), response.text)
            assert match is not None, response.text
            most = int(match[1])
            instead = {3: (3, most), 2000: (most, 100), 4000: (1, most)}[series]
            assert 0.2 < cost(*instead) <= 1


def test_what_trains_is_not_in_the_server_s_memory(server: RunningServer) -> None:
    assert asked(server, INSTANCE).status_code == 200
    libraries = Path(f"/proc/{server.pid}/maps").read_text()
    assert "numpy" in libraries
    assert not [name for name in ("mxnet", "pandas", "pyarrow", "torch", "sklearn") if f"/{name}/" in libraries]


def test_numbers_are_plain_and_have_ten_decimals_at_the_most(server: RunningServer) -> None:
    text = asked(server, INSTANCE, num_samples=200, output_types=["samples"]).text
    numbers = text.split("[[")[1].split("]]")[0].replace("],[", ",").split(",")
    assert len(numbers) == 800
    assert max(len(number.partition(".")[2]) for number in numbers) <= 10
    assert np.isfinite(np.array(numbers, np.float64)).all()


@pytest.mark.parametrize(
    ("body", "content_type", "place"),
    [
        (b'{"instances": [\n{"start": "2024-01-01", "target": [1, "x"]}]}', JSON, ["instances", 0, "target", 1]),
        (b'{"instances": [{"start": "2024-13-01", "target": [1]}]}', JSON, ["instances", 0, "start"]),
        (b'{"instances": [{"start": "2024-01-01"}]}', JSON, ["instances", 0]),
        (b'{"instances": [],\n "x": 1}', JSON, ["x"]),
        (b'{"instances": [\n}', JSON, [{"line": 2}, {"column": 1}]),
        (
            b'{"instances": [{"start": "2024-01-01", "target": [1]}], "configuration": {"quantiles": ["2"]}}',
            JSON,
            ["configuration", "quantiles", 0],
        ),
        (b'{"start": "2024-01-01", "target": {}}', JSON, ["instance", "target"]),
        (
            b'{"start": "2024-01-01", "target": [1]}\n\n{"start": "2024-01-01", "target": [1], "cat": [1]}',
            LINES,
            [{"line": 3}, "cat"],
        ),
    ],
)
def test_a_refusals_place_is_data(
    server: RunningServer, body: bytes, content_type: str, place: list[str | int | dict[str, int]]
) -> None:
    response = server.post("/invocations", body, content_type)
    assert response.status_code == 400
    assert json.loads(response.headers["x-forecastle-place"]) == place, response.text
