"""The calls under /models: SageMaker's, for a server of several models.

Source: "Build Your Own Container for SageMaker Multi-Model Endpoints", AWS's developer guide; the wording of answers is
that of its multi-model server.
"""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.types import Receive, Scope, Send

from forecastle.contract import quotation
from forecastle.contract.errors import (
    AlreadyLoaded,
    InvalidData,
    NotFound,
    OutOfModelSpace,
    OutOfSpace,
    PayloadTooLarge,
)
from forecastle.contract.settings import Settings
from forecastle.serving.body import read_body
from forecastle.serving.exchange import exchange_of, respond
from forecastle.serving.loader import Loader
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.refusals import ErrorAnswer, plain_error
from forecastle.serving.routes.invocations import Invocations

CALL_BYTES = 64 * 2**10  # of POST /models
PAGE_MODELS = 100  # listed at once, where the client names no limit
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")
_TYPES = {NotFound.status: "ModelNotFoundException", AlreadyLoaded.status: "ConflictStatusException"}


class ModelList:
    """POST /models loads a model, GET /models lists those that are loaded."""

    def __init__(self, models: Models, loader: Loader, settings: Settings) -> None:
        self._models = models
        self._loader = loader
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        if scope["method"] == "POST":
            body = await read_body(receive, scope["headers"], self._settings, exchange)
            exchange.model, folder = _asked(body)
            await self._loader.load(exchange.model, folder)
            await _answer(send, {"status": "Workers scaled"})
        else:
            await _answer(send, self._page(scope["query_string"]))

    def _page(self, query: bytes) -> dict[str, Any]:
        """Models in the order of their names; a page's token is the last name of the one before."""
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        limit, after = given.get("limit", [str(PAGE_MODELS)])[-1], given.get("next_page_token", [""])[-1]
        if not _COUNT.fullmatch(limit):
            raise InvalidData(f"limit: expected an integer of at least 1, got {quotation.of_text(limit.encode())}.")
        following = [held for held in self._models.all() if held.name > after]
        page = following[: int(limit)]
        token = {"nextPageToken": page[-1].name} if len(following) > len(page) else {}
        return {"models": [_told(held) for held in page]} | token


class OneModel:
    """GET /models/{name} tells where a model came from, DELETE /models/{name} unloads it."""

    def __init__(self, models: Models, loader: Loader) -> None:
        self._models = models
        self._loader = loader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        exchange = exchange_of(scope)
        exchange.model = name = scope["path_params"]["name"]
        if scope["method"] == "DELETE":
            await self._loader.unload(name)
            await _answer(send, {"status": f'Model "{name}" unregistered'})
        else:
            await _answer(send, _told(self._models.named(name)))


class ModelInvocations:
    """POST /models/{name}/invoke: as POST /invocations, for the model of that name."""

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


def _asked(body: bytes) -> tuple[str, Path]:
    """Name and folder of the model that is to be loaded."""
    if len(body) > CALL_BYTES:  # it is parsed in the event loop
        raise PayloadTooLarge(f"Body: expected at most {CALL_BYTES} bytes, got {len(body)}.")
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidData(f"Body: expected JSON ({error}).") from None
    if not isinstance(request, dict):
        raise InvalidData(f"Body: expected an object, got {quotation.of_json(request)}.")
    for member in ("model_name", "url"):
        value = request.get(member)
        if not (isinstance(value, str) and value):
            got = quotation.of_json(value) if member in request else "nothing"
            raise InvalidData(f"{member}: expected a string that is not empty, got {got}.")
    return request["model_name"], Path(request["url"])


def _told(held: HeldModel) -> dict[str, str]:
    return {"modelName": held.name, "modelUrl": str(held.folder)}


async def _answer(send: Send, content: dict[str, Any]) -> None:
    await respond(send, 200, [], orjson.dumps(content), "application/json")


def call_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:  # noqa: ARG001
    """An error of the calls under /models, as a JSON object."""
    kind = _TYPES.get(HTTPStatus(status), HTTPStatus(status).phrase.replace(" ", "") + "Exception")
    content = {"code": int(status), "type": kind, "message": sentence}
    return status, [(b"content-type", b"application/json")], orjson.dumps(content)


def invocation_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:
    """An error of POST /models/{name}/invoke: an object if there is no such model, else the model's plain sentence."""
    return (call_error if status == NotFound.status else plain_error)(scope, status, sentence)
