"""The limits that batch transform is given, and that the server accepts requests within them."""

import pytest

from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.routes.execution_parameters import execution_parameters
from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer


def test_execution_parameters_by_default(server: RunningServer) -> None:
    assert server.get("/execution-parameters").json() == {
        "MaxConcurrentTransforms": available_cores(),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


@pytest.mark.parametrize(
    ("environ", "promised"),
    [
        ({"SAGEMAKER_BATCH": "True", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100"}, ("MULTI_RECORD", 100)),
        ({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}, ("MULTI_RECORD", 100)),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "100"}, ("MULTI_RECORD", 25)),
        ({"MAX_CONTENT_LENGTH": "2097151"}, ("MULTI_RECORD", 1)),
        ({"SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD"}, ("SINGLE_RECORD", 6)),
    ],
)
def test_the_payload_promised_is_never_more_than_the_limit(environ: dict[str, str], promised: tuple[str, int]) -> None:
    answer = execution_parameters(Settings.from_environ(environ))
    assert (answer.batch_strategy, answer.max_payload_in_mb) == promised


@pytest.mark.parametrize(("asked", "queue", "promised"), [("8", "256", 8), ("8", "3", 3), ("0", "1", 1)])
def test_concurrent_transforms_do_not_exceed_the_queue(asked: str, queue: str, promised: int) -> None:
    environ = {"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": asked, "FORECASTLE_QUEUE": queue}
    assert execution_parameters(Settings.from_environ(environ)).max_concurrent_transforms == promised


def test_a_limit_below_a_mebibyte_promises_nothing(start: Start) -> None:
    response = start({"MAX_CONTENT_LENGTH": "1000"}).await_ready().get("/execution-parameters")
    assert response.status_code == 400
    assert response.text == "Setting MAX_CONTENT_LENGTH must be at least 1048576 for batch transform."


def test_the_payload_promised_is_taken(start: Start) -> None:
    server = start({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "30"}).await_ready()
    row = b"1" * 2**20 + b"\n"
    body = row * (server.get("/execution-parameters").json()["MaxPayloadInMB"] - 1)
    # The rows are too wide to be numbers: it is the model that refuses them, and not the limit.
    assert server.post("/invocations", b"a" + body).text == "row 1, column 1: expected a number, got 'abc'."
