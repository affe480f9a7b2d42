"""The paths under /v2: the Open Inference Protocol, for clients of KServe, Triton and MLServer."""

import re
from collections.abc import Callable, Sequence

from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from forecastle.algorithms.interface import Payload
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, NotFound, NotReady
from forecastle.contract.media_type import JSON, MediaType
from forecastle.contract.settings import Settings
from forecastle.serving.body import read_body
from forecastle.serving.exchange import exchange_of, respond
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.open_inference.call import InferCall, form_of
from forecastle.serving.open_inference.message import HEADER_LENGTH, VERSION
from forecastle.serving.open_inference.schemas import (
    Inference,
    InferenceAnswer,
    InferenceError,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from forecastle.serving.queue import Queue
from forecastle.serving.readiness import Readiness
from forecastle.serving.refusals import ErrorAnswer, Refusals
from forecastle.serving.routes.invocations import PREDICTION_ERRORS, answer_call, require_uncoded
from forecastle.serving.routes.parameter import Parameter
from forecastle.serving.routes.route import OCTETS, WHILE_READING, Operation, Route

LENGTH = b"inference-header-content-length"
EXTENSIONS = ["binary_tensor_data"]
_LENGTH = re.compile(rb"[0-9]{1,12}")
_TENSORS = MediaType(JSON, {})


class Server:
    """GET /v2, /v2/health/live and /v2/health/ready."""

    def __init__(self, readiness: Readiness, release: str) -> None:
        self._readiness = readiness
        self._metadata = ServerMetadata(name="forecastle", version=release, extensions=EXTENSIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        path = scope["path"]
        if path.endswith("/ready") and not self._readiness.has_all():
            raise NotReady("The model is being loaded and warmed up.")
        answers = {"/v2/health/live": Live(live=True), "/v2/health/ready": Ready(ready=True)}
        await _answer(send, answers.get(path, self._metadata))


class ServedModels:
    """The models by the names and versions in paths."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def held(self, scope: Scope) -> HeldModel:
        """The model of a request's path. Raises `NotFound`, or `NotReady` before the server's only model is loaded."""
        name, version = scope["path_params"]["name"], scope["path_params"].get("version", VERSION)
        held = self._models.named(name) if self._models.several else self._models.only()
        if name != held.name:
            raise NotFound(f"Model not found: {name}; this server has {held.name} (setting FORECASTLE_MODEL_NAME).")
        if version != VERSION:
            raise NotFound(f"Model {name} has version {VERSION} only.")
        exchange_of(scope).model = held.name
        return held


class ModelDescription:
    """GET /v2/models/{name} and /v2/models/{name}/ready."""

    def __init__(self, served: ServedModels, describe: Callable[[HeldModel], BaseModel]) -> None:
        self._served = served
        self._describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await _answer(send, self._describe(self._served.held(scope)))


class Infer:
    """POST /v2/models/{name}/infer."""

    def __init__(self, served: ServedModels, queue: Queue, settings: Settings) -> None:
        self._served = served
        self._queue = queue
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        self._served.held(scope)  # before the body is read
        body = await read_body(receive, scope["headers"], self._settings, exchange)
        given = dict(scope["headers"])
        require_uncoded(given)
        # There is no await from here to the queue: the model cannot be unloaded in between.
        held = self._served.held(scope)
        call = InferCall(
            held,
            Payload(body, _TENSORS, threads=self._queue.threads),
            JSON,
            exchange.times,
            header_length=_header_length(given),
            form=form_of(held),
        )
        content = await answer_call(call, self._queue, receive, exchange)
        if call.answer_header_length is None:
            await respond(send, 200, [], content, JSON)
        else:
            await respond(send, 200, [(LENGTH, b"%d" % call.answer_header_length)], content, OCTETS)


def _header_length(headers: dict[bytes, bytes]) -> int | None:
    value = headers.get(LENGTH)
    if value is None:
        return None
    if not _LENGTH.fullmatch(value):
        raise InvalidData(place=HEADER_LENGTH, expected="a number of bytes", got=quotation.of_text(value))
    return int(value)


def _metadata_of(held: HeldModel) -> ModelMetadata:
    form = form_of(held)
    return ModelMetadata(
        name=held.name,
        versions=[VERSION],
        platform=f"forecastle_{held.algorithm.name}",
        inputs=list(map(TensorMetadata.of, form.inputs)),
        outputs=list(map(TensorMetadata.of, form.outputs)),
    )


def _readiness_of(held: HeldModel) -> ModelReady:
    return ModelReady(name=held.name, ready=True)


async def _answer(send: Send, content: BaseModel) -> None:
    await respond(send, 200, [], content.model_dump_json().encode("utf-8"), JSON)


def inference_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:  # noqa: ARG001
    """An error in the protocol's form."""
    body = InferenceError(error=sentence).model_dump_json().encode("utf-8")
    return status, [(b"content-type", JSON.encode("ascii"))], body


TENSORS = Parameter("body", "request", Inference)
MODEL_NAME = Parameter("path", "name")
MODEL_VERSION = Parameter("path", "version")
JSON_LENGTH = Parameter(
    "header",
    "Inference-Header-Content-Length",
    int | None,
    default=None,
    limits={"ge": 0, "description": "The bytes of the JSON, if tensors follow it."},
)


def routes(models: Models, readiness: Readiness, queue: Queue, settings: Settings, release: str) -> list[Route]:
    """The server's paths, and each model's, without and with its version."""
    server, served = Server(readiness, release), ServedModels(models)
    errors = [Middleware(Refusals, form=inference_error)]

    def get(name: str, summary: str, answer: type[BaseModel], parameters: Sequence[Parameter] = ()) -> Operation:
        kinds = (NotFound, NotReady) if parameters else (NotReady,)
        objects = (*kinds, *WHILE_READING)
        return Operation("GET", name, summary, parameters, answer, objects=objects, object_model=InferenceError)

    def of_model(prefix: str, suffix: str, parameters: tuple[Parameter, ...]) -> list[Route]:
        infer = Operation(
            "POST",
            f"infer{suffix}",
            "Predict, with tensors",
            (*parameters, JSON_LENGTH, TENSORS),
            InferenceAnswer,
            octets=True,
            objects=(*PREDICTION_ERRORS, NotFound, *WHILE_READING),
            object_model=InferenceError,
        )
        ready = get(f"model_ready{suffix}", "Is the model ready?", ModelReady, parameters)
        metadata = get(f"model_metadata{suffix}", "The model's tensors", ModelMetadata, parameters)
        return [
            Route(f"{prefix}/infer", Infer(served, queue, settings), [infer], errors),
            Route(f"{prefix}/ready", ModelDescription(served, _readiness_of), [ready], errors),
            Route(prefix, ModelDescription(served, _metadata_of), [metadata], errors),
        ]

    versioned = of_model("/v2/models/{name:path}/versions/{version}", "_version", (MODEL_NAME, MODEL_VERSION))
    plain = of_model("/v2/models/{name:path}", "", (MODEL_NAME,))
    return [
        *versioned[:2],
        *plain[:2],
        versioned[2],
        plain[2],
        Route("/v2/health/live", server, [get("server_live", "Does the server answer?", Live)], errors),
        Route("/v2/health/ready", server, [get("server_ready", "Is the server ready?", Ready)], errors),
        Route("/v2", server, [get("server_metadata", "The server", ServerMetadata)], errors),
    ]
