"""The paths under /v2: the Open Inference Protocol."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from tests.serving.conftest import Start, Write
from tests.serving.running_server import RunningServer

FOREST = "/v2/models/random_cut_forest"
TINY = "/v2/models/echo_sum"
ROWS = [[0.25, 0.5], [9.0, -9.0], [1.0, 1.0]]
LENGTH = "Inference-Header-Content-Length"


def tensor(data: Any = None, *, shape: Any = (3, 2), datatype: str = "FP32", **more: Any) -> dict[str, Any]:
    """The forest's input."""
    given = {} if data is None else {"data": data}
    return {"name": "instances", "shape": list(shape), "datatype": datatype, **given, **more}


def infer(
    server: RunningServer, path: str, *inputs: dict[str, Any], after: bytes = b"", length: Any = None, **members: Any
) -> httpx.Response:
    """POST the tensors, and the bytes `after` the JSON."""
    head = json.dumps({"inputs": inputs, **members}).encode()
    headers = {LENGTH: str(len(head) if length is None else length)} if after or length is not None else {}
    return server.post(f"{path}/infer", head + after, "application/octet-stream", headers=headers)


def text(body: str, **more: Any) -> dict[str, Any]:
    """The input of a model without tensors of its own."""
    return {"name": "body", "shape": [1], "datatype": "BYTES", "data": [body], **more}


def scores(response: httpx.Response) -> list[float]:
    assert response.status_code == 200, response.text
    (output,) = response.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("scores", "FP32", [len(output["data"])])
    return list(output["data"])


@pytest.fixture(scope="module")
def expected(forest: RunningServer) -> list[float]:
    """The scores of `ROWS`, as /invocations returns them."""
    body = json.dumps({"instances": [{"features": row} for row in ROWS]}).encode()
    return [each["score"] for each in forest.post("/invocations", body, "application/json").json()["scores"]]


def test_the_server_and_its_model_are_described(forest: RunningServer) -> None:
    assert forest.get("/v2").json()["name"] == "forecastle"
    assert forest.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert forest.get("/v2/health/live").json() == {"live": True}
    assert forest.get("/v2/health/ready").json() == {"ready": True}
    for path in (FOREST, f"{FOREST}/versions/1"):
        assert forest.get(f"{path}/ready").json() == {"name": "random_cut_forest", "ready": True}
        described = forest.get(path).json()
        assert described["name"] == "random_cut_forest"
        assert described["inputs"] == [{"name": "instances", "datatype": "FP32", "shape": [-1, 2]}]
        assert [each["name"] for each in described["outputs"]] == ["scores", "attribution_high", "attribution_low"]


@pytest.mark.parametrize("data", [ROWS, [value for row in ROWS for value in row]], ids=["nested", "flat"])
@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16"])
def test_tensors_in_json_are_scored_as_by_invocations(
    forest: RunningServer, expected: list[float], data: Any, datatype: str
) -> None:
    response = infer(forest, FOREST, tensor(data, datatype=datatype), id="a7")
    assert scores(response) == pytest.approx(expected, abs=1e-6)
    assert (response.json()["id"], response.json()["model_version"]) == ("a7", "1")


@pytest.mark.parametrize("datatype", ["<f4 FP32", "<f8 FP64", "<f2 FP16"])
def test_tensors_after_the_json_are_read_and_written(
    forest: RunningServer, expected: list[float], datatype: str
) -> None:
    dtype, name = datatype.split()
    after = np.array(ROWS, dtype).tobytes()
    binary = tensor(datatype=name, parameters={"binary_data_size": len(after)})
    response = infer(forest, FOREST, binary, after=after, parameters={"binary_data_output": True})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/octet-stream")
    length = int(response.headers[LENGTH])
    (output,) = json.loads(response.content[:length])["outputs"]
    assert output == {"name": "scores", "datatype": "FP32", "shape": [3], "parameters": {"binary_data_size": 12}}
    assert np.frombuffer(response.content[length:], "<f4") == pytest.approx(expected, abs=1e-6)


def test_attributions_are_outputs_that_a_request_asks_for(forest: RunningServer, expected: list[float]) -> None:
    asked = [{"name": "attribution_low", "parameters": {"binary_data": False}}, {"name": "attribution_high"}]
    answer = infer(forest, FOREST, tensor(ROWS), outputs=asked).json()
    assert [(each["name"], each["shape"]) for each in answer["outputs"]] == [
        ("attribution_low", [3, 2]),
        ("attribution_high", [3, 2]),
    ]
    low, high = (np.array(each["data"]).reshape(3, 2) for each in answer["outputs"])
    assert (low + high).sum(axis=1) == pytest.approx(expected, abs=1e-5)


def test_a_number_that_float32_rounds_equals_no_stored_point_unless_it_is_a_float32(forest: RunningServer) -> None:
    rounded = 0.1 + 2**-30
    as_text = forest.post("/invocations", f"{rounded},0.5\n".encode(), headers={"Accept": "text/csv"})
    (score,) = scores(infer(forest, FOREST, tensor([rounded, 0.5], shape=(1, 2), datatype="FP64")))
    assert score == pytest.approx(float(as_text.text), abs=1e-6)


def test_a_model_without_tensors_takes_the_body_of_a_request(server: RunningServer) -> None:
    described = server.get(TINY).json()
    assert described["inputs"] == described["outputs"] == [{"name": "body", "datatype": "BYTES", "shape": [1]}]
    answer = infer(server, TINY, text("1,2\n3,4\n")).json()["outputs"]
    assert json.loads(answer[0]["data"][0]) == {"scores": [{"score": 3.0}, {"score": 7.0}]}
    parameters = {"content_type": "application/json", "accept": "text/csv"}
    answer = infer(server, TINY, text('{"rows": [[1, 2]]}'), parameters=parameters).json()["outputs"]
    assert answer[0]["data"] == ["3\n"]
    # MLServer's strings have another dimension, and the name of a codec where others have a media type.
    codec = infer(server, TINY, text("1,2\n", shape=[1, 1]), parameters={"content_type": "str"})
    assert codec.status_code == 200
    element = struct.pack("<I", 4) + b"1,2\n"
    binary = {"name": "body", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(element)}}
    asked = [{"name": "body", "parameters": {"binary_data": True}}]
    response = infer(server, TINY, binary, after=element, outputs=asked, parameters={"accept": "text/csv"})
    assert response.content[int(response.headers[LENGTH]) :] == struct.pack("<I", 4) + b"3.0\n"


def binary(size: Any, after: bytes, **more: Any) -> dict[str, Any]:
    return {"inputs": [tensor(parameters={"binary_data_size": size}, **more)], "after": after}


SIZED = "inputs[0].parameters.binary_data_size"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another rank": ({"inputs": [tensor([1.0, 2.0], shape=[2])]}, "inputs[0].shape: expected [-1, 2], where -1"),
    "another width": ({"inputs": [tensor([1.0] * 3, shape=[1, 3])]}, "inputs[0].shape: expected [-1, 2], where"),
    "a negative length": (
        {"inputs": [tensor([], shape=[-1, 2])]},
        "inputs[0].shape[0]: expected a whole number, got -1",
    ),
    "no shape": ({"inputs": [tensor([], shape=[]) | {"shape": None}]}, "inputs[0].shape: expected a list, got null."),
    "too few elements": ({"inputs": [tensor([1.0])]}, "inputs[0].data: expected 6 elements, as the shape says, got 1."),
    "a huge shape": (
        {"inputs": [tensor([1.0], shape=[2**62, 2])]},
        "inputs[0].data: expected 9223372036854775808 elem",
    ),
    "a shape beyond integers": ({"inputs": [tensor([1.0], shape=[10**40, 2])]}, "inputs[0].shape[0]: expected a whole"),
    "ragged rows": ({"inputs": [tensor([[1, 2], [3], [4, 5]])]}, "inputs[0].data[1]: expected a list of 2, as the sh"),
    "deep rows": (
        {"inputs": [tensor([[[1], 2]] * 3)]},
        "inputs[0].data[0][0]: expected a number in the range of FP32, got a list.",
    ),
    "a string": (
        {"inputs": [tensor([1, 2, 3, "x", 5, 6])]},
        'inputs[0].data[3]: expected a number in the range of FP32, got "x".',
    ),
    "null": (
        {"inputs": [tensor([[1, 2], [3, None], [5, 6]])]},
        "inputs[0].data[1][1]: expected a number in the range of FP32, got null.",
    ),
    "true": (
        {"inputs": [tensor([1, 2, 3, True, 5, 6])]},
        "inputs[0].data[3]: expected a number in the range of FP32, got true.",
    ),
    "NaN in JSON": ({"inputs": [tensor([1, 2, 3, float("nan"), 5, 6])]}, "inputs[0].data[3]: expected a number in the"),
    "a number beyond its type": ({"inputs": [tensor([1e39] * 6)]}, "inputs[0].data[0]: expected a number in the range"),
    "a number beyond float32": (
        {"inputs": [tensor([1, 2, 3, 4, 5, 1e39], datatype="FP64")]},
        "instances[2][1]: expected a finite number in the range of float32, got 1e+39.",
    ),
    "an integer beyond its type": (
        {"inputs": [tensor([1, 2, 128, 4, 5, 6], datatype="INT8")]},
        "inputs[0].data[2]: expected a whole number from -128 to 127, got 128.",
    ),
    "a fraction": ({"inputs": [tensor([1.5] * 6, datatype="INT8")]}, "inputs[0].data[0]: expected a whole number from"),
    "another datatype": ({"inputs": [tensor([], datatype="BYTES")]}, "inputs[0].datatype: expected one of FP32, FP64,"),
    "an unknown tensor": ({"inputs": [tensor([]) | {"name": "x"}]}, 'inputs[0].name: expected instances, got "x".'),
    "a tensor twice": ({"inputs": [tensor(ROWS)] * 2}, 'inputs[1].name: expected each once, got "instances" again.'),
    "no tensor": ({"inputs": []}, 'inputs: expected the tensor "instances", which is missing.'),
    "a string far on": (
        {"inputs": [tensor([1.0] * 99_999 + ["x"], shape=[50_000, 2])]},
        "inputs[0].data[99999]: expected",
    ),
    "no rows": ({"inputs": [tensor([], shape=[0, 2])]}, "instances: expected at least one row, got none."),
    "no data": ({"inputs": [tensor()]}, 'inputs[0]: expected "data", which is missing.'),
    "a misspelt member": ({"inputs": [tensor(ROWS)], "output": []}, "output: unknown member: did you mean outputs?"),
    "an unknown output": (
        {"inputs": [tensor(ROWS)], "outputs": [{"name": "score"}]},
        'outputs[0].name: expected one of scores, attribution_high, attribution_low, got "score".',
    ),
    "NaN in bytes": (
        binary(24, np.array([1, 2, 3, np.nan, 5, 6], "<f4").tobytes()),
        "instances[1][1]: expected a finite number in the range of float32, got nan.",
    ),
    "too few bytes": (binary(20, bytes(20)), f"{SIZED}: expected 24 bytes, as shape and datatype say, got 20."),
    "fewer bytes than it says": (binary(24, bytes(20)), f"{SIZED}: expected a whole number up to 20, the bytes that"),
    "more bytes than it says": (binary(24, bytes(25)), "Body: expected as many bytes as the inputs' binary_data_size"),
    "a negative size": (binary(-1, bytes(24)), f"{SIZED}: expected a whole number up to 24"),
    "data and bytes": (binary(24, bytes(24), data=ROWS), 'inputs[0]: expected either "data" or binary_data_size, got'),
    "bytes and a huge shape": (binary(24, bytes(24), shape=[2**62, 2]), f"{SIZED}: expected 36893488147419103232 byt"),
    "a JSON beyond the body": (
        {"inputs": [tensor(ROWS)], "length": 10**9},
        "Inference-Header-Content-Length: expected at most",
    ),
    "a JSON of no length": (
        {"inputs": [tensor(ROWS)], "length": "0x10"},
        "Inference-Header-Content-Length: expected a number of bytes, got '0x10'.",
    ),
    "no JSON": ({"inputs": [tensor(ROWS)], "length": 0}, "line 1, column 1: expected valid JSON, got nothing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_amiss_is_refused_in_the_protocols_form_with_the_place(forest: RunningServer, name: str) -> None:
    given, sentence = REFUSED[name]
    members = dict(given)
    response = infer(forest, FOREST, *members.pop("inputs"), **members)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/json")
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith(sentence)
    assert json.loads(response.headers["x-forecastle-place"])


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"inputs": 5}', b"\xff", b"null", b'{"inputs": [5]}'])
def test_a_body_that_is_no_message_is_refused(forest: RunningServer, body: bytes) -> None:
    response = forest.post(f"{FOREST}/infer", body, "application/json")
    assert response.status_code == 400
    assert "expected" in response.json()["error"].lower()


def test_elements_of_bytes_must_be_whole(server: RunningServer) -> None:
    for after in (b"\4\0\0", b"\5\0\0\0abc", b"\xff\xff\xff\xffabc", b"", b"\0\0\0\0" * 2):
        parameters = {"binary_data_size": len(after)}
        element = {"name": "body", "shape": [1], "datatype": "BYTES", "parameters": parameters}
        response = infer(server, TINY, element, after=after, length=None if after else 0)
        assert response.status_code == 400
        assert "expected" in response.json()["error"]


def test_half_of_a_surrogate_pair_is_refused(server: RunningServer, forest: RunningServer) -> None:
    response = infer(server, TINY, text("1,\ud83d\n"))
    expected = r'inputs[0].data[0]: expected a string of Unicode characters, got "1,\ud83d\n".'
    assert (response.status_code, response.json()) == (400, {"error": expected})
    response = infer(forest, FOREST, tensor(ROWS), id="\ud83d")
    expected = r'id: expected a string of Unicode characters, got "\ud83d".'
    assert (response.status_code, response.json()) == (400, {"error": expected})


def test_unknown_models_and_versions_and_codings_are_refused(forest: RunningServer) -> None:
    for path in ("/v2/models/other", f"{FOREST}/versions/2"):
        for method, suffix in (("GET", ""), ("GET", "/ready"), ("POST", "/infer")):
            response = forest.request(method, path + suffix)
            assert response.status_code == 404
            assert response.json()["error"].startswith("Model ")
    compressed = forest.post(f"{FOREST}/infer", b"", headers={"Content-Encoding": "gzip"})
    assert (compressed.status_code, list(compressed.json())) == (415, ["error"])


def test_several_models_are_reached_by_name(several: RunningServer, write: Write) -> None:
    assert several.get("/v2/health/ready").json() == {"ready": True}
    several.load("a/b", write())
    assert several.get("/v2/models/a%2Fb/ready").json() == {"name": "a/b", "ready": True}
    for path in ("/v2/models/a%2Fb", "/v2/models/a%2Fb/versions/1"):
        answer = infer(several, path, text("1,2\n")).json()
        assert answer["model_name"] == "a/b"
        assert json.loads(answer["outputs"][0]["data"][0]) == {"scores": [{"score": 3.0}]}
    several.unload("a/b")
    assert several.get("/v2/models/a%2Fb/ready").status_code == 404


def test_limits_and_shutdown_are_those_of_invocations(start: Start) -> None:
    limits = {"MAX_CONTENT_LENGTH": "1000", "MODEL_SERVER_TIMEOUT": "1.5", "FORECASTLE_QUEUE": "1"}
    server = start(limits | {"FORECASTLE_MODEL_NAME": "sums"}).await_ready()
    json_body = {"content_type": "application/json"}

    def ask(seconds: float) -> httpx.Response:
        given = text(json.dumps({"rows": [[1, 2]], "sleep": seconds}))
        return infer(server, "/v2/models/sums", given, parameters=json_body)

    large = infer(server, "/v2/models/sums", text("1,2\n" * 500))
    assert (large.status_code, large.json()["error"][:23]) == (413, "Body: expected at most ")
    late = ask(2.0)
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert "MODEL_SERVER_TIMEOUT" in late.json()["error"]
    server.await_line("request", path="/v2/models/sums/infer", status=503, model="sums")
    with ThreadPoolExecutor(2) as pool:
        while ask(0).status_code != 200:  # the runner is still busy
            pass
        slow = pool.submit(ask, 1.2)
        while "forecastle_queue_requests 1.0" not in server.get("/metrics").text:
            pass
        full = ask(0)
        assert (full.status_code, full.json()["error"][:17]) == (503, "The queue is full")
        server.signal()
        assert slow.result().json()["model_name"] == "sums"
    assert server.await_end() == 0
