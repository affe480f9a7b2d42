"""AWS's clients, unchanged, against the local port."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.serving.running_server import RunningServer

ENDPOINT_NAME = "randomcutforest-2026"


@pytest.fixture
def runtime(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """boto3.client, in an environment as a user of the local port sets it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client: Callable[[str], Any] = boto3.client
    return client


def test_a_lambda_function_runs_unchanged(runtime: Callable[[str], Any]) -> None:
    def lambda_handler(event: dict[str, Any], context: object) -> list[float]:
        del context
        payload = event["data"]
        runtime_client = runtime("runtime.sagemaker")
        response = runtime_client.invoke_endpoint(EndpointName=ENDPOINT_NAME, ContentType="text/csv", Body=payload)
        result = json.loads(response["Body"].read().decode())
        return [row["score"] for row in result["scores"]]

    assert lambda_handler({"data": "10844,1\n8127,2"}, None) == [10845.0, 8129.0]


def test_invoke_endpoint_gives_body_content_type_and_variant(runtime: Callable[[str], Any]) -> None:
    response = runtime("sagemaker-runtime").invoke_endpoint(
        EndpointName=ENDPOINT_NAME,
        ContentType="text/csv",
        Accept="text/csv",
        CustomAttributes="any",
        InferenceId="one",
        Body=b"1,2\n",
    )
    assert response["Body"].read() == b"3.0\n"
    assert (response["ContentType"], response["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")


def test_what_the_container_refuses_is_a_model_error_with_its_sentence(
    server: RunningServer, runtime: Callable[[str], Any]
) -> None:
    client = runtime("sagemaker-runtime")
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName=ENDPOINT_NAME, ContentType="text/csv", Body=b"")
    assert raised.value.response["OriginalStatusCode"] == 400
    assert raised.value.response["OriginalMessage"] == "Body: expected rows, got nothing."
    assert raised.value.response["Error"] == {
        "Code": "ModelError",
        "Message": 'Received client error (400) from primary with message "Body: expected rows, got nothing.". '
        f"See {server.url}/docs#log for more information.",
    }
    assert raised.value.response["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{ENDPOINT_NAME}")


def test_a_fault_of_the_containers_is_a_model_error_and_is_not_retried(
    server: RunningServer, runtime: Callable[[str], Any]
) -> None:
    client = runtime("sagemaker-runtime")
    body = b'{"rows": [[1]], "fault": "predict"}'
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="counted", ContentType="application/json", Body=body)
    assert raised.value.response["OriginalStatusCode"] == 500
    assert raised.value.response["Error"]["Message"].startswith("Received server error (500) from primary with message")
    server.await_line("request", endpoint="counted")
    assert len([line for line in server.lines("request") if line.get("endpoint") == "counted"]) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"ContentType": "image/png"}, 415), ({"ContentType": "text/csv", "Accept": "image/png"}, 406)],
)
def test_the_original_status_is_reported(runtime: Callable[[str], Any], headers: dict[str, str], status: int) -> None:
    with pytest.raises(ClientError) as raised:
        runtime("sagemaker-runtime").invoke_endpoint(EndpointName=ENDPOINT_NAME, Body=b"1", **headers)
    assert raised.value.response["OriginalStatusCode"] == status


def test_the_bytes_of_an_error_are_those_of_aws(server: RunningServer) -> None:
    response = server.post(f"/endpoints/{ENDPOINT_NAME}/invocations", b"")
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (424, "ModelError")
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["Message", "OriginalStatusCode", "OriginalMessage", "LogStreamArn"]


@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_response_stream_is_parsed_by_botocore(runtime: Callable[[str], Any], rows: int) -> None:
    response = runtime("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=ENDPOINT_NAME, ContentType="text/csv", Accept="text/csv", Body=b"1,2\n" * rows
    )
    parts = [event["PayloadPart"]["Bytes"] for event in response["Body"]]
    assert b"".join(parts) == b"3.0\n" * rows
    assert response["ContentType"] == "text/csv"
    assert len(parts) == 1 + rows * 4 // 2**17


def test_a_response_stream_that_is_refused_is_a_model_error(runtime: Callable[[str], Any]) -> None:
    client = runtime("sagemaker-runtime")
    with pytest.raises(client.exceptions.ModelError):
        client.invoke_endpoint_with_response_stream(EndpointName=ENDPOINT_NAME, ContentType="text/csv", Body=b"")
