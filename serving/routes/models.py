"""The calls under /models: SageMaker's, for a server of several models.

Source: "Build Your Own Container for SageMaker Multi-Model Endpoints", AWS's developer guide; answers are worded as by
AWS's multi-model server.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from forecastle.contract import quotation
from forecastle.contract.errors import (
    AlreadyLoaded,
    ForecastleError,
    InvalidData,
    NotFound,
    OutOfModelSpace,
    OutOfSpace,
    PayloadTooLarge,
)
from forecastle.contract.settings import Settings
from forecastle.serving.body import BODY, read_body
from forecastle.serving.exchange import exchange_of, respond
from forecastle.serving.loader import Loader
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.refusals import ErrorAnswer, Refusals, plain_error
from forecastle.serving.routes.invocations import CUSTOM_ATTRIBUTES, PREDICTION_ERRORS, Invocations
from forecastle.serving.routes.parameter import Parameter
from forecastle.serving.routes.route import WHILE_READING, Operation, Route

CALL_BYTES = 64 * 2**10  # of POST /models
PAGE_MODELS = 100  # per page, unless the client sets a limit
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")
Kind = type[ForecastleError]
_TYPES = {NotFound.status: "ModelNotFoundException", AlreadyLoaded.status: "ConflictStatusException"}


class LoadModel(BaseModel):
    """The body of POST /models."""

    model_name: str = Field(min_length=1)
    url: str = Field(min_length=1)


class LoadedModel(BaseModel):
    """A model and the folder that it was loaded from."""

    name: str = Field(alias="modelName")
    url: str = Field(alias="modelUrl")

    @classmethod
    def of(cls, held: HeldModel) -> Self:
        return cls(modelName=held.name, modelUrl=str(held.folder))


class ModelPage(BaseModel):
    """A page of the models, and the token of the next page, if there is one."""

    models: list[LoadedModel]
    next_page_token: str | None = Field(None, alias="nextPageToken")


class Done(BaseModel):
    """The outcome of a call."""

    status: str


class CallError(BaseModel):
    """An error of the calls under /models."""

    code: int
    type: str
    message: str


class ModelList:
    """POST /models loads a model, GET /models lists the loaded models."""

    def __init__(self, models: Models, loader: Loader, settings: Settings) -> None:
        self._models = models
        self._loader = loader
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        if scope["method"] == "POST":
            body = await read_body(receive, scope["headers"], self._settings, exchange)
            exchange.model, folder = _parsed(body)
            await self._loader.load(exchange.model, folder)
            await _answer(send, Done(status="Workers scaled"))
        else:
            await _answer(send, self._page(scope["query_string"]))

    def _page(self, query: bytes) -> ModelPage:
        """Models sorted by name; a page's token is the last name of the previous page."""
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        limit, after = given.get("limit", [str(PAGE_MODELS)])[-1], given.get("next_page_token", [""])[-1]
        if not _COUNT.fullmatch(limit):
            got = quotation.of_text(limit.encode())
            raise InvalidData(place=("limit",), expected="an integer of at least 1", got=got)
        following = [held for held in self._models.all() if held.name > after]
        page = following[: int(limit)]
        token = page[-1].name if len(following) > len(page) else None
        return ModelPage(models=list(map(LoadedModel.of, page)), nextPageToken=token)


class OneModel:
    """GET /models/{name} returns where a model was loaded from, DELETE /models/{name} unloads it."""

    def __init__(self, models: Models, loader: Loader) -> None:
        self._models = models
        self._loader = loader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        exchange = exchange_of(scope)
        exchange.model = name = scope["path_params"]["name"]
        if scope["method"] == "DELETE":
            await self._loader.unload(name)
            await _answer(send, Done(status=f'Model "{name}" unregistered'))
        else:
            await _answer(send, LoadedModel.of(self._models.named(name)))


class ModelInvocations:
    """POST /models/{name}/invoke: POST /invocations for the model of that name."""

    def __init__(self, models: Models, invocations: Invocations) -> None:
        self._models = models
        self._invocations = invocations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        name = scope["path_params"]["name"]
        self._models.named(name)  # before the body is read
        try:
            body, media_type = await self._invocations.answer(scope["headers"], receive, exchange, name)
        except (MemoryError, OutOfSpace) as error:
            sentence = (
                error.sentence if isinstance(error, OutOfSpace) else "There is too little memory for this request."
            )
            raise OutOfModelSpace(sentence) from None
        await respond(send, 200, [], body, media_type)


def _parsed(body: bytes) -> tuple[str, Path]:
    """Name and folder of the model to load."""
    if len(body) > CALL_BYTES:  # small, because it is parsed in the event loop
        raise PayloadTooLarge(place=BODY, expected=f"at most {CALL_BYTES} bytes", got=f"{len(body)}")
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidData(place=BODY, expected=f"JSON ({error})") from None
    if not isinstance(request, dict):
        raise InvalidData(place=BODY, expected="an object", got=quotation.of_json(request))
    for member in ("model_name", "url"):
        value = request.get(member)
        if not (isinstance(value, str) and value):
            got = quotation.of_json(value) if member in request else "nothing"
            raise InvalidData(place=(member,), expected="a string that is not empty", got=got)
    return request["model_name"], Path(request["url"])


async def _answer(send: Send, content: BaseModel) -> None:
    body = content.model_dump_json(by_alias=True, exclude_none=True).encode("utf-8")
    await respond(send, 200, [], body, "application/json")


def call_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:  # noqa: ARG001
    """An error of the calls under /models, as a JSON object."""
    kind = _TYPES.get(HTTPStatus(status), HTTPStatus(status).phrase.replace(" ", "") + "Exception")
    body = CallError(code=status, type=kind, message=sentence).model_dump_json().encode("utf-8")
    return status, [(b"content-type", b"application/json")], body


def invocation_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:
    """An error of POST /models/{name}/invoke: an object if there is no such model, otherwise plain text."""
    return (call_error if status == NotFound.status else plain_error)(scope, status, sentence)


MODEL_TO_LOAD = Parameter("body", "call", LoadModel)
PAGE_OF_MODELS = (
    Parameter("query", "limit", int, PAGE_MODELS, {"ge": 1, "le": 999_999_999}),
    Parameter("query", "next_page_token", default=""),
)
MODEL_NAME = Parameter("path", "name")


def routes(models: Models, loader: Loader, settings: Settings, invocations: Invocations) -> list[Route]:
    """The routes of a server of several models."""

    def call(
        method: str,
        name: str,
        summary: str,
        parameters: Sequence[Parameter],
        answer: type[BaseModel],
        *errors: Kind,
    ) -> Operation:
        objects = (*errors, *WHILE_READING)
        return Operation(method, name, summary, parameters, answer, objects=objects, object_model=CallError)

    in_objects = [Middleware(Refusals, form=call_error)]
    loading = (InvalidData, NotFound, AlreadyLoaded, PayloadTooLarge, OutOfModelSpace)
    return [
        Route(
            "/models/{name:path}/invoke",
            ModelInvocations(models, invocations),
            [
                Operation(
                    "POST",
                    "invoke_model",
                    "Predict with the model of that name",
                    (MODEL_NAME, CUSTOM_ATTRIBUTES),
                    predicts=True,
                    errors=(*PREDICTION_ERRORS, OutOfModelSpace),
                    objects=(NotFound,),
                    object_model=CallError,
                )
            ],
            [Middleware(Refusals, form=invocation_error)],
        ),
        Route(
            "/models/{name:path}",
            OneModel(models, loader),
            [
                call("GET", "describe_model", "Where a model was loaded from", (MODEL_NAME,), LoadedModel, NotFound),
                call("DELETE", "unload_model", "Unload a model", (MODEL_NAME,), Done, NotFound),
            ],
            in_objects,
        ),
        Route(
            "/models",
            ModelList(models, loader, settings),
            [
                call("POST", "load_model", "Load a model", (MODEL_TO_LOAD,), Done, *loading),
                call("GET", "list_models", "List the models", PAGE_OF_MODELS, ModelPage, InvalidData),
            ],
            in_objects,
        ),
    ]
