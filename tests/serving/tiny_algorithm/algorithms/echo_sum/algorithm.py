"""The sum of each row, as slow and as faulty as a request asks for."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecastle.algorithms.interface import Algorithm, Ask, Job, Model, Payload
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.media_type import CSV, JSON, MediaType

_MEBIBYTE = bytes(2**20)


class Request(dict[str, Any]):
    """Rows; sleep, in seconds; fault, at a step. Showing or comparing a large one takes seconds, and fails."""

    def __repr__(self) -> str:
        raise AssertionError("a request was shown")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a request was compared")

    __hash__ = None


class EchoSumHyperparameters(Hyperparameters):
    """None."""


class EchoSumModel(Model[Request, Request]):
    """A model's parameters set how long it loads, its cost and its faults."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._weights = {name: array.copy() for name, array in artifact.arrays.items()}  # which are memory-mapped
        self._cost = float(artifact.parameters.get("cost", 0.0))
        self._circle = self if "circular" in artifact.parameters else None

    def artifact(self) -> Artifact:
        return self._artifact

    def sample_request(self) -> Payload:
        return Payload(b"1,2,3\n4,5,6\n", MediaType.parse(CSV))

    def sample_requests(self) -> Sequence[Payload]:
        if "lone_example" in self._artifact.parameters:
            return (self.sample_request(),)
        return self.sample_request(), Payload(b'{"rows": [[1, 2, 3]]}', MediaType.parse(JSON))

    def facts(self) -> Mapping[str, float]:
        return {"sum": 21.0}

    def decode(self, payload: Payload) -> Request:
        payload.content_type.require_utf8()
        if not payload.body:
            raise InvalidData("Body: expected rows, got nothing.")
        if payload.content_type.essence == JSON:
            request = Request(json.loads(payload.body))
        else:
            try:
                rows = [[float(cell) for cell in line.split(b",")] for line in payload.body.splitlines()]
                request = Request(rows=rows)
            except ValueError:
                raise InvalidData("row 1, column 1: expected a number, got 'abc'.") from None
        request["attributes"] = payload.attributes
        _hold_up(request)
        _fail(request, "decode")
        return request

    def cost(self, request: Request) -> float:
        return max(self._cost, float(request.get("sleep", 0)), float(request.get("spin", 0)))

    def rows(self, request: Request) -> int:
        return len(request["rows"])

    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Request]:
        del threads
        for request in requests:
            _fail(request, "predict")
        if seconds := sum(request.get("sleep", 0.0) for request in requests):
            time.sleep(seconds)
        end = time.monotonic() + sum(request.get("spin", 0.0) for request in requests)
        while time.monotonic() < end:
            hashlib.sha256(_MEBIBYTE)  # without the GIL, as a kernel
        return requests

    def encode(self, prediction: Request, media_type: str) -> bytes:
        _fail(prediction, "encode")
        sums = [sum(row) for row in prediction["rows"]]
        if media_type == CSV:
            return "".join(f"{value}\n" for value in sums).encode()
        extra = {"attributes": prediction["attributes"]} if prediction["attributes"] else {}
        return json.dumps({"scores": [{"score": value} for value in sums]} | extra).encode()


def _hold_up(request: Request) -> None:
    """Block the thread that decodes the request: the event loop's if the request is small."""
    time.sleep(request.get("doze", 0.0))
    end = time.thread_time() + request.get("dawdle", 0.0)
    while time.thread_time() < end:
        pass


def _fail(request: Request, step: str) -> None:
    if request.get("fault") == step and request.get("carried"):
        raise KeyError(request)
    if request.get("fault") == step:
        raise ZeroDivisionError(f"a secret at {step}")
    if request.get("full") == step:
        raise MemoryError
    if request.get("refuse") == step:
        raise InvalidData(f"Refused at {step}{request.get('because', '')}.")


class EchoSum(Algorithm[EchoSumHyperparameters]):
    """The sum of each row."""

    title = "Echo Sum"
    log_name = "EchoSum"
    hyperparameters = EchoSumHyperparameters
    channels = {"train": "not read"}  # noqa: RUF012
    request_types = (CSV, JSON)
    response_types = (JSON, CSV)
    batch_types = {CSV: CSV, JSON: JSON}  # noqa: RUF012

    def fit(self, job: Job[EchoSumHyperparameters]) -> EchoSumModel:
        del job
        return EchoSumModel(Artifact({}))

    def evaluate(self, model: Model[Any, Any], job: Job[EchoSumHyperparameters]) -> dict[str, float]:
        del model, job
        return {}

    def load(self, artifact: Artifact, settings: object) -> EchoSumModel:  # noqa: ARG002
        time.sleep(artifact.parameters.get("load_seconds", 0.0))
        if "broken" in artifact.parameters:
            raise InvalidData("parameters.broken: expected nothing, got something.")
        if "full" in artifact.parameters:
            raise MemoryError
        if "bug" in artifact.parameters:
            raise ZeroDivisionError("a bug of the model's")
        # A copy: large arrays of an artifact stay in their file.
        arrays = {name: np.array(array) for name, array in artifact.arrays.items()}
        return EchoSumModel(replace(artifact, arrays=arrays))

    def demonstrate(self, ask: Ask, picture: Path) -> Iterable[str]:
        del ask, picture
        return ()


ALGORITHM = EchoSum()
