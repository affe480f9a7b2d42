"""Clients of SageMaker's endpoints, through boto3, whose addresses are servers of ours."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

from forecastle import PredictorError, RandomCutForestPredictor
from tests.client.scripted_server import ScriptedServer, answer

JSON = "Content-Type: application/json"
SCORES = answer("200 OK", json.dumps({"scores": [{"score": 1.5}]}).encode(), JSON)
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "eu-west-1"}


def runtime(url: str) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
        **KEYS,
    )


def refused(status: str, code: str, **members: object) -> bytes:
    body = json.dumps({"Message": "It is too much.", **members}).encode()
    return answer(status, body, JSON, f"x-amzn-ErrorType: {code}")


class Session:
    """What `sagemaker.Session` has of interest."""

    def __init__(self, url: str) -> None:
        self.boto_session = boto3.Session(**KEYS)
        self.sagemaker_runtime_client = runtime(url)


def test_every_kind_of_session_reaches_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([SCORES]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name, value in KEYS.items():
            monkeypatch.setenv({"region_name": "AWS_DEFAULT_REGION"}.get(name, name.upper()), value)
        for session in (None, boto3.Session(**KEYS), Session(server.url), runtime(server.url)):
            predictor = RandomCutForestPredictor("taxi", session)
            assert predictor.predict([[1.0]]).tolist() == [1.5]
            assert predictor.endpoint_name == "taxi"
        assert {head.split()[1] for head in server.heads} == {b"/endpoints/taxi/invocations"}


@pytest.mark.parametrize(
    "busy",
    [
        refused("429 Too Many Requests", "ThrottlingException"),
        refused("429 Too Many Requests", "ModelNotReadyException"),
        refused("424 Failed Dependency", "ModelError", OriginalStatusCode=503, OriginalMessage="The queue is full."),
    ],
    ids=["throttled", "not ready", "a busy model"],
)
def test_a_busy_endpoint_is_asked_again(busy: bytes) -> None:
    with ScriptedServer([busy, SCORES]) as server:
        assert RandomCutForestPredictor("taxi", runtime(server.url)).predict([[1.0]]).tolist() == [1.5]
        assert len(server.bodies) == 2
    with ScriptedServer([busy]) as server, pytest.raises(PredictorError, match=r"It is too much|The queue is full"):
        RandomCutForestPredictor("taxi", runtime(server.url), patience=0.1).predict([[1.0]])


def test_the_model_s_own_sentence_is_raised() -> None:
    error = refused("424 Failed Dependency", "ModelError", OriginalStatusCode=400, OriginalMessage="Row 1: wrong.")
    with ScriptedServer([error]) as server:
        with pytest.raises(PredictorError, match=r"^Row 1: wrong\.$") as raised:
            RandomCutForestPredictor("taxi", runtime(server.url)).predict([[1.0]])
        assert raised.value.status == 400


def test_a_request_that_is_too_large_is_sent_in_halves() -> None:
    error = refused("424 Failed Dependency", "ModelError", OriginalStatusCode=413, OriginalMessage="Too large.")
    half = answer("200 OK", json.dumps({"scores": [{"score": 0.5}] * 10_000}).encode(), JSON)
    with ScriptedServer([error, half]) as server:
        scores = RandomCutForestPredictor("taxi", runtime(server.url)).predict([[1.0]] * 20_000)
        assert scores.shape == (20_000,)
        assert [body.count(b"\n") for body in server.bodies] == [20_000, 10_000, 10_000]


def test_an_endpoint_that_cannot_be_asked_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(PredictorError, match=r"^Endpoints of SageMaker cannot be asked: You must specify a region\.$"):
        RandomCutForestPredictor("taxi", boto3.Session())
    with pytest.raises(PredictorError, match=r"^Endpoint taxi: Could not connect to the endpoint URL: "):
        RandomCutForestPredictor("taxi", runtime("http://127.0.0.1:9")).predict([[1.0]])
