"""A server of several models: the calls under /models, as SageMaker's platform makes them."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import numpy as np
import pytest

from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.artifact import write_artifact
from forecastle.contract.settings import Settings
from forecastle.serving.loader import load_model
from tests.algorithms.deepar.networks import random_network
from tests.serving.conftest import SEVERAL, Start, Write
from tests.serving.routes.test_page import content
from tests.serving.running_server import RunningServer, write_model
from tests.serving.test_queue import await_metric

ODD_NAMES = [
    "0f3a" * 16,
    "taxi.tar.gz",
    "a/b",
    "ä ö",
    "50%",
    "?x=1&y#z",
    "two\nlines",
    '"quoted"',
    "invoke",
    "x/invoke",
]


def refusal(code: int, kind: str, message: str) -> dict[str, Any]:
    return {"code": code, "type": kind, "message": message}


def test_a_server_of_several_models_is_ready_with_none(several: RunningServer) -> None:
    assert (several.get("/ping").status_code, several.get("/ping").content) == (200, b"")
    assert several.get("/models").json() == {"models": []}
    assert "model" not in several.await_line("ready")


def test_a_model_is_loaded_queried_described_and_unloaded(several: RunningServer, write: Write) -> None:
    url = write()
    loaded = several.load("taxi", url)
    assert (loaded.status_code, loaded.json()) == (200, {"status": "Workers scaled"})
    assert loaded.headers["content-type"] == "application/json"
    response = several.post(
        "/models/taxi/invoke", b"1,2\n", headers={"Accept": "text/csv", "X-Amzn-SageMaker-Target-Model": "any.tar.gz"}
    )
    assert (response.status_code, response.headers["content-type"], response.content) == (200, "text/csv", b"3.0\n")
    assert several.get("/models/taxi").json() == {"modelName": "taxi", "modelUrl": str(url)}
    assert several.get("/models").json() == {"models": [{"modelName": "taxi", "modelUrl": str(url)}]}
    unloaded = several.unload("taxi")
    assert (unloaded.status_code, unloaded.json()) == (200, {"status": 'Model "taxi" unregistered'})
    for response in (several.invoke("taxi"), several.get("/models/taxi"), several.unload("taxi")):
        assert response.status_code == 404
        assert response.json() == refusal(404, "ModelNotFoundException", "Model not found: taxi")


def test_a_model_has_answered_its_example_before_it_counts_as_loaded(several: RunningServer, write: Write) -> None:
    assert several.load("taxi", write()).status_code == 200
    assert several.await_line("request", path="/models", model="taxi")["status"] == 200
    several.post("/models/taxi/invoke", headers={"X-Request-Id": "warm"})
    # What the warm-up has read and written is answered in the event loop.
    assert "queue_ms" not in several.await_line("request", id="warm")


def test_a_name_may_have_any_characters(several: RunningServer, write: Write) -> None:
    url = write()
    for name in ODD_NAMES:
        assert several.load(name, url).status_code == 200, name
    assert {model["modelName"] for model in several.get("/models").json()["models"]} == set(ODD_NAMES)
    for name in ODD_NAMES:
        assert several.invoke(name).json() == {"scores": [{"score": 3}]}, name
        assert several.get(f"/models/{quote(name, safe='')}").json()["modelName"] == name
        assert several.unload(name).json() == {"status": f'Model "{name}" unregistered'}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_wrong_method_of_a_model_s_invocations_is_405(several: RunningServer, method: str) -> None:
    response = several.request(method, "/models/taxi/invoke")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["message"] == f"/models/taxi/invoke: expected POST, got {method}."


def test_a_name_that_is_taken_is_409(several: RunningServer, write: Write) -> None:
    url = write()
    several.load("taxi", url)
    again = several.load("taxi", url)
    assert again.status_code == 409
    assert again.json() == refusal(409, "ConflictStatusException", "Model taxi is already registered.")
    assert several.invoke("taxi").status_code == 200


def test_of_calls_that_load_the_same_name_at_once_one_does(several: RunningServer, write: Write) -> None:
    url = write(load_seconds=0.3)
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda _: several.load("taxi", url).status_code, range(4)))
    assert statuses == [200, 409, 409, 409]


def test_a_call_that_waited_for_one_that_failed_loads_the_model(several: RunningServer, write: Write) -> None:
    broken, sound = write("broken", broken=True, load_seconds=0.3), write("sound")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(several.load, "taxi", broken)
        time.sleep(0.1)
        assert several.load("taxi", sound).status_code == 200
        assert first.result().status_code == 400


def test_a_model_is_replaced_again_and_again_while_clients_ask_and_no_request_fails(
    several: RunningServer, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 100, 2))
    forest, versions, stop = RandomCutForest(10, 32, random_state=0), list[str](), threading.Event()

    def replace_model(number: int) -> None:
        folder = tmp_path / f"taxi-{number}"
        forest.partial_fit(rows[number]).save(folder)
        assert several.load(folder.name, folder).status_code == 200
        versions.append(folder.name)  # clients ask for this one from now on
        for unused in versions[-3:-2]:
            assert several.unload(unused).status_code == 200

    def ask() -> Counter[int]:
        statuses: Counter[int] = Counter()
        while not stop.is_set():
            statuses[several.post(f"/models/{versions[-1]}/invoke").status_code] += 1
        return statuses

    replace_model(0)
    with ThreadPoolExecutor(3) as pool:
        clients = [pool.submit(ask) for _ in range(3)]
        try:
            for number in range(1, len(rows)):
                replace_model(number)
        finally:
            stop.set()
        statuses = sum((client.result() for client in clients), Counter[int]())
    assert set(statuses) == {200}
    assert statuses.total() > len(rows)


def test_models_are_listed_page_by_page_while_they_come_and_go(several: RunningServer, write: Write) -> None:
    url = write()
    for name in ("b", "d", "a/&", "c"):
        several.load(name, url)
    listed, token = [], ""
    for _ in range(2):
        page = several.get("/models", params={"limit": 2, "next_page_token": token}).json()
        listed += [model["modelName"] for model in page["models"]]
        token = page.get("nextPageToken", "")
        several.unload(listed[0])
    assert (listed, token) == (["a/&", "b", "c", "d"], "")
    assert several.get("/models", params={"next_page_token": "d"}).json() == {"models": []}
    for limit in ("", "0", "-1", "two", "9" * 5000, "1.5"):
        assert several.get("/models", params={"limit": limit}).status_code == 400
    assert several.get("/models?limit=x").json() == refusal(
        400, "BadRequestException", "limit: expected an integer of at least 1, got 'x'."
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Body: expected JSON ("),
        (b"[1]", "Body: expected an object, got a list."),
        (b'{"url": "/tmp"}', "model_name: expected a string that is not empty, got nothing."),
        (b'{"model_name": "a"}', "url: expected a string that is not empty, got nothing."),
        (b'{"model_name": "", "url": "/tmp"}', 'model_name: expected a string that is not empty, got "".'),
        (b'"%s"' % (b"x" * 50000), f'Body: expected an object, got "{"x" * 38}….'),
        (b'{"model_name": 7, "url": "/tmp"}', "model_name: expected a string that is not empty, got 7."),
    ],
)
def test_a_call_without_name_or_folder_is_400(several: RunningServer, body: bytes, message: str) -> None:
    response = several.post("/models", body, "application/json")
    assert (response.status_code, response.json()["code"], response.json()["type"]) == (400, 400, "BadRequestException")
    assert response.json()["message"].startswith(message)


def test_a_call_that_is_far_too_long_is_413(several: RunningServer) -> None:
    response = several.post("/models", b" " * 2**17, "application/json")
    assert response.status_code == 413
    assert response.json()["message"] == "Body: expected at most 65536 bytes, got 131072."


@pytest.mark.parametrize("url", ["/no/such/folder", "a\0b"])
def test_a_folder_that_is_missing_is_404(several: RunningServer, url: str) -> None:
    response = several.load("taxi", url)
    assert response.json() == refusal(404, "ModelNotFoundException", f"{url}: there is no such folder.")


def test_a_folder_without_a_sound_model_is_400_with_its_place(several: RunningServer, tmp_path: Path) -> None:
    for name in ("", "secret.txt", "more-secrets/key"):
        if name:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("secret")
        response = several.load("taxi", tmp_path)
        assert response.status_code == 400
        sentence = f"{tmp_path}: expected a model, got a folder without manifest.json."
        assert response.json()["message"] == sentence  # and not what is there
    broken = write_model(tmp_path, broken=True) / "model"
    response = several.load("taxi", broken)
    assert response.json()["message"] == f"{broken}: parameters.broken: expected nothing, got something."
    write_model(tmp_path, bug=True)
    response = several.load("taxi", broken)
    assert (response.status_code, response.json()["type"]) == (500, "InternalServerErrorException")
    assert "secret" not in response.text
    assert several.get("/models").json() == {"models": []}


def test_a_model_without_enough_memory_is_507(several: RunningServer, tmp_path: Path) -> None:
    folder = write_model(tmp_path) / "model"
    with (folder / "arrays-of-an-earlier-training.npz").open("wb") as file:
        file.truncate(2**43)  # larger than any disk, and never read
    response = several.load("taxi", folder)
    assert (response.status_code, response.json()["type"]) == (507, "InsufficientStorageException")
    assert response.json()["message"].startswith("Model taxi: expected 26,388,")
    assert response.json()["message"].endswith(" MB: unload another one first.")


def test_files_of_a_killed_writer_do_not_count_as_memory(several: RunningServer, tmp_path: Path) -> None:
    folder = write_model(tmp_path) / "model"
    with (folder / ".arrays-0123456789ab.npz.abcdefgh").open("wb") as file:
        file.truncate(2**43)
    assert several.load("taxi", folder).status_code == 200


def test_memory_that_ends_while_a_model_is_loaded_is_507(several: RunningServer, tmp_path: Path) -> None:
    response = several.load("taxi", write_model(tmp_path, full=True) / "model")
    assert response.status_code == 507
    assert response.json()["message"] == "There is too little memory for model taxi: unload another one first."


def test_memory_that_ends_at_a_request_is_507(several: RunningServer, write: Write) -> None:
    several.load("taxi", write())
    for more in ({}, {"sleep": 0.01}):  # in the event loop, and in the queue
        several.invoke("taxi")
        response = several.invoke("taxi", full="predict", **more)
        assert (response.status_code, response.text) == (507, "There is too little memory for this request.")
    assert several.invoke("taxi").status_code == 200


def test_a_refusal_of_the_model_is_the_plain_sentence(several: RunningServer, write: Write) -> None:
    several.load("taxi", write())
    response = several.post("/models/taxi/invoke", b"")
    assert (response.status_code, response.text) == (400, "Body: expected rows, got nothing.")


def test_a_full_queue_is_503(start: Start, write: Write) -> None:
    several = start(SEVERAL | {"FORECASTLE_QUEUE": "1"}).await_ready()
    several.load("taxi", write())
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(several.invoke, "taxi", sleep=1.5)
        await_metric(several, "forecastle_queue_requests", 1)
        assert several.invoke("taxi", sleep=0.1).status_code == 503
        assert busy.result().status_code == 200


def test_forests_and_networks_are_served_side_by_side(several: RunningServer, tmp_path: Path) -> None:
    forest, network = tmp_path / "forest", tmp_path / "network"
    rows = np.random.default_rng(0).normal(size=(500, 1)).astype(np.float32)
    RandomCutForest(50, 64, random_state=0).fit(rows).save(forest)
    write_artifact(network, replace(DeepARModel(random_network(prediction_length=3)).artifact(), algorithm="deepar"))
    for name, folder in (("forest", forest), ("network", network)):
        load_model(folder, 1, Settings.from_environ({}))  # here first: to compile may take longer than a client waits
        assert several.load(name, folder).status_code == 200
    scores = several.post("/models/forest/invoke", b"0.1\n9\n").json()["scores"]
    assert scores[0]["score"] < scores[1]["score"]
    series = {"instances": [{"start": "2024-01-01 00:00:00", "target": [1, 2, 3] * 10}]}
    response = several.request("POST", "/models/network/invoke", json=series)
    assert len(response.json()["predictions"][0]["mean"]) == 3
    # Neither reads what only the other does.
    assert several.post("/models/network/invoke", b"0.1\n").status_code == 415
    paths = several.get("/openapi.json").json()["paths"]
    content = paths["/models/{name}/invoke"]["post"]["requestBody"]["content"]
    assert content["text/csv"]["schema"] == {"type": "string"}
    # Either's requests are described.
    members = [set(schema["properties"]) for schema in content["application/json"]["schema"]["anyOf"]]
    assert members == [{"instances"}, {"instances", "configuration"}]


def test_invocations_say_what_to_call_instead_or_take_a_name_in_a_header(several: RunningServer, write: Write) -> None:
    several.load("taxi", write())
    response = several.post("/invocations")
    assert response.status_code == 400
    assert response.text == (
        "X-Amzn-SageMaker-Target-Model: expected the name of a model, got none: this server has several "
        "(setting SAGEMAKER_MULTI_MODEL); POST to /models/{name}/invoke, or name one in that header."
    )
    target = {"X-Amzn-SageMaker-Target-Model": "taxi"}
    assert several.post("/invocations", headers=target).json() == {"scores": [{"score": 3.0}]}
    response = several.post("/invocations", headers={"X-Amzn-SageMaker-Target-Model": "bus"})
    assert (response.status_code, response.text) == (404, "Model not found: bus")


def test_boto3_asks_a_target_model(several: RunningServer, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    several.load("taxi.tar.gz", write())
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=several.url,
        region_name="eu-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    asked = {"EndpointName": "many", "ContentType": "text/csv", "Body": b"1,2\n"}
    response = client.invoke_endpoint(TargetModel="taxi.tar.gz", **asked)
    assert json.loads(response["Body"].read()) == {"scores": [{"score": 3.0}]}
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(TargetModel="bus.tar.gz", **asked)
    assert raised.value.response["OriginalStatusCode"] == 404


def test_without_the_setting_there_are_no_models_to_name(server: RunningServer) -> None:
    for method, path in (
        ("GET", "/models"),
        ("POST", "/models"),
        ("POST", "/models/a/invoke"),
        ("DELETE", "/models/a"),
    ):
        response = server.request(method, path)
        assert response.status_code == 404
        assert response.text == f"{path}: no such path; GET /docs lists the paths."


def test_the_page_shows_the_model_that_is_wanted_and_names_the_others(several: RunningServer, write: Write) -> None:
    empty = content(several.get("/docs").text)
    assert (empty["several"], empty["names"], empty["model"]) == (True, [], None)
    for name in ("a/b", "taxi"):
        several.load(name, write())
    first, other = content(several.get("/docs").text), content(several.get("/docs?model=taxi").text)
    assert (first["names"], first["address"]) == (["a/b", "taxi"], "models/a%2Fb/invoke")
    assert other["address"] == "models/taxi/invoke"
    assert isinstance(other["model"], dict)
    assert (other["model"]["name"], other["model"]["title"]) == ("taxi", "Echo Sum")


def test_openapi_describes_the_calls_that_answer(several: RunningServer, write: Write) -> None:
    several.load("any", write())
    paths = several.get("/openapi.json").json()["paths"]
    assert {"/models", "/models/{name}", "/models/{name}/invoke", "/invocations"} < set(paths)
    assert "404" in paths["/invocations"]["post"]["responses"]
    for status in ("408", "431", "503"):  # of the connection, or while the route reads the body
        assert set(paths["/models"]["post"]["responses"][status]["content"]) == {"text/plain", "application/json"}
    for path, operations in paths.items():
        for method in operations:
            answer = several.request(method.upper(), path.replace("{name}", "any"), content=b"1,2\n")
            assert str(answer.status_code) in operations[method]["responses"], (method, path)


def test_a_loaded_model_is_counted_until_it_is_unloaded(start: Start, write: Write) -> None:
    several = start(SEVERAL).await_ready()
    several.load("taxi", write())
    several.invoke("taxi")
    text = several.get("/metrics").text
    assert 'forecastle_model_loaded{model="taxi"} 1.0' in text
    assert 'forecastle_requests_total{path="/models/{name}/invoke",status="200"} 1.0' in text
    several.unload("taxi")
    assert "taxi" not in several.get("/metrics").text


def test_a_server_of_several_models_has_one_process_and_starts_without_a_model(start: Start) -> None:
    server = start(SEVERAL | {"MODEL_SERVER_WORKERS": "2"})
    assert server.await_end() == 1
    assert server.stderr == (
        "forecastle: Setting MODEL_SERVER_WORKERS must be 1 if SAGEMAKER_MULTI_MODEL is true: all models are "
        "loaded into one process, which uses all cores. Got '2'.\n"
    )
