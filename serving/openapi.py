"""GET /openapi.json: the routes, described for machines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forecastle.contract.errors import (
    ENDPOINT_STATUS,
    INTERNAL_STATUS,
    AlreadyLoaded,
    BodyTooLate,
    DeadlineExceeded,
    ForecastleError,
    HeadTooLarge,
    HeadTooLate,
    InvalidData,
    NotAcceptable,
    NotFound,
    NotReady,
    OutOfModelSpace,
    OutOfSpace,
    Overloaded,
    PayloadTooLarge,
    PlatformError,
    Stopping,
    TrailersTooLarge,
    UnsupportedMediaType,
)
from forecastle.serving.event_stream import CONTENT_TYPE as EVENT_STREAM
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.routes.invocations import MAX_ATTRIBUTES

Description = dict[str, Any]

# Of a connection, whatever the path.
_CONNECTION = (InvalidData, HeadTooLate, BodyTooLate, HeadTooLarge, TrailersTooLarge, Stopping)
_PREDICTION = (
    InvalidData,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    NotReady,
    Overloaded,
    DeadlineExceeded,
    OutOfSpace,
)
_LOADING = (InvalidData, NotFound, AlreadyLoaded, PayloadTooLarge, OutOfModelSpace)


def describe(title: str, version: str, models: Models) -> Description:
    """The OpenAPI document; what bodies look like is known once models are loaded."""
    loaded = models.all()
    reads = _content(loaded, lambda held: held.request_types, lambda held: held.algorithm.request_schemas)
    writes = _content(loaded, lambda held: held.response_types, lambda held: held.algorithm.answer_schemas)
    for held in loaded:
        example = held.model.example()
        media = reads.get(example.content_type.essence, {})
        media.setdefault("example", example.body.decode("utf-8", "replace"))
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": (_under_models(reads, writes) if models.several else {}) | _paths(reads, writes, models.several),
    }


def _paths(reads: Description, writes: Description, several: bool) -> Description:
    target = [_TARGET] if several else []
    streamed = {EVENT_STREAM: _BINARY}
    failed = _texts(NotFound), _model_error()
    ping = (
        {"200": {"description": "It answers, and requests of every type have been answered before."}},
        _texts(NotReady),
    )
    return {
        "/invocations": {
            "post": _invocation(
                "Predict", reads, writes, _texts(*_PREDICTION), *([_texts(NotFound)] if several else []), named=target
            )
        },
        "/endpoints/{name}/invocations": {
            "post": _invocation(
                "Predict, as InvokeEndpoint does", reads, writes, *failed, named=[_ENDPOINT, _INFERENCE_ID, *target]
            )
        },
        "/endpoints/{name}/invocations-response-stream": {
            "post": _invocation(
                "Predict, as InvokeEndpointWithResponseStream does",
                reads,
                streamed,
                *failed,
                named=[_ENDPOINT, _INFERENCE_ID, _ACCEPT, *target],
            )
        },
        "/ping": {
            "get": _operation("Is the server ready?", *ping),
            "post": _operation("Is the server ready?", *ping),
        },
        "/execution-parameters": {
            "get": _operation("What a batch transform may send", _ok(_json(_PARAMETERS)), _texts(InvalidData))
        },
        "/metrics": {"get": _operation("Figures for Prometheus", _ok(_TEXT))},
        "/docs": {
            "get": _operation("The server's page", _ok({"text/html": {"schema": {"type": "string"}}}))
            | {"parameters": [_query("model", {"type": "string", "description": "The model to show."}), _REQUEST_ID]}
        },
        "/": {"get": _operation("To the server's page", {"307": {"description": "It is at /docs."}})},
        "/openapi.json": {"get": _operation("This document", _ok(_json({"type": "object"})))},
    }


def _under_models(reads: Description, writes: Description) -> Description:
    """The calls of a server of several models."""
    asked = _strings("model_name", "url", least=1)
    one = _strings("modelName", "modelUrl")
    page = {
        "type": "object",
        "properties": {"models": {"type": "array", "items": one}, "nextPageToken": {"type": "string"}},
        "required": ["models"],
    }
    done = _ok(_json(_strings("status")))
    query = [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 999_999_999}),
        _query("next_page_token", {"type": "string"}),
    ]
    return {
        "/models": {
            "post": _operation("Load a model", done, _objects(*_LOADING))
            | {"requestBody": {"required": True, "content": _json(asked)}},
            "get": _operation("List the models", _ok(_json(page)), _objects(InvalidData))
            | {"parameters": [*query, _REQUEST_ID]},
        },
        "/models/{name}": {
            "get": _operation("Where a model came from", _ok(_json(one)), _objects(NotFound))
            | {"parameters": [_MODEL, _REQUEST_ID]},
            "delete": _operation("Unload a model", done, _objects(NotFound)) | {"parameters": [_MODEL, _REQUEST_ID]},
        },
        "/models/{name}/invoke": {
            "post": _invocation(
                "Predict",
                reads,
                writes,
                _texts(*_PREDICTION, NotFound, OutOfModelSpace),
                _objects(NotFound),
                named=[_MODEL],
            )
        },
    }


def _parameter(place: str, name: str, schema: Description, *, required: bool = False) -> Description:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _query(name: str, schema: Description) -> Description:
    return _parameter("query", name, schema)


_MODEL = _parameter("path", "name", {"type": "string"}, required=True)
_ENDPOINT = _parameter("path", "name", {"type": "string", "pattern": "^[^/]+$"}, required=True)
_TARGET = _parameter("header", "X-Amzn-SageMaker-Target-Model", {"type": "string"}, required=True)
_ATTRIBUTES = _parameter(
    "header",
    "X-Amzn-SageMaker-Custom-Attributes",
    {"type": "string", "maxLength": MAX_ATTRIBUTES, "pattern": "^[ -~]*$"},
)
_INFERENCE_ID = _parameter("header", "X-Amzn-SageMaker-Inference-Id", {"type": "string"})
_ACCEPT = _parameter("header", "X-Amzn-SageMaker-Accept", {"type": "string"})
_REQUEST_ID = _parameter(
    "header",
    "X-Request-Id",
    {"type": "string", "description": "Comes back with the answer and stands in the log; else the server makes one."},
)

_BINARY: Description = {"schema": {"type": "string", "format": "binary"}}
_TEXT: Description = {"text/plain": {"schema": {"type": "string"}}}
_PARAMETERS = {
    "type": "object",
    "properties": {
        "MaxConcurrentTransforms": {"type": "integer", "minimum": 1},
        "BatchStrategy": {"enum": ["SINGLE_RECORD", "MULTI_RECORD"]},
        "MaxPayloadInMB": {"type": "integer", "minimum": 1},
    },
    "required": ["MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"],
}


def _content(loaded: Sequence[HeldModel], types: Any, schemas: Any) -> Description:
    """The media types of all loaded models, each with what its bodies look like."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for held in loaded:
        for media_type in types(held):
            schema = schemas(held).get(media_type, _plain_schema(media_type))
            if schema not in found.setdefault(media_type, []):
                found[media_type].append(schema)
    content = {
        media_type: {"schema": each[0] if len(each) == 1 else {"anyOf": each}}
        for media_type, each in sorted(found.items())
    }
    return content or {"*/*": dict(_BINARY)}


def _plain_schema(media_type: str) -> Description:
    is_text = media_type.startswith("text/") or "json" in media_type
    return {"type": "string"} if is_text else _BINARY["schema"]


def _invocation(
    summary: str, reads: Description, writes: Description, *refusals: Description, named: Sequence[Description]
) -> Description:
    return _operation(summary, _ok(writes), *refusals) | {
        "parameters": [*named, _ATTRIBUTES, _REQUEST_ID],
        "requestBody": {"required": True, "content": reads},
    }


def _operation(summary: str, *responses: Description) -> Description:
    failure = {str(int(INTERNAL_STATUS)): {"description": "The server failed; its log says more.", "content": _TEXT}}
    return {
        "summary": summary,
        "parameters": [_REQUEST_ID],
        "responses": _together([*responses, _texts(*_CONNECTION), failure]),
    }


def _together(responses: Iterable[Description]) -> Description:
    """All of them by status, those of one status as one that may come in each of their media types."""
    found: Description = {}
    for status, response in ((status, each) for some in responses for status, each in some.items()):
        if status not in found:
            found[status] = {**response, "headers": {"X-Request-Id": {"schema": {"type": "string"}}}}
            if status == str(int(PlatformError.status)):
                found[status]["headers"]["Retry-After"] = {"schema": {"type": "integer"}, "description": "Seconds."}
            continue
        before = found[status]
        if response["description"] not in before["description"]:
            before["description"] += f" {response['description']}"
        if "content" in response:
            before["content"] = before.get("content", {}) | response["content"]
    return found


def _ok(content: Description) -> Description:
    return {"200": {"description": "The answer.", "content": content}}


def _json(schema: Mapping[str, Any]) -> Description:
    return {"application/json": {"schema": schema}}


def _strings(*names: str, least: int = 0) -> Description:
    """An object of texts."""
    schema: Description = {"type": "string", "minLength": least} if least else {"type": "string"}
    return {"type": "object", "properties": dict.fromkeys(names, schema), "required": list(names)}


def _texts(*errors: type[ForecastleError]) -> Description:
    """Refusals in a sentence."""
    return _together({str(int(error.status)): {"description": error.__doc__, "content": _TEXT}} for error in errors)


def _objects(*errors: type[ForecastleError]) -> Description:
    """Refusals of the calls under /models."""
    schema = {
        "type": "object",
        "properties": {"code": {"type": "integer"}, "type": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "type", "message"],
    }
    described = {str(int(error.status)): {"description": error.__doc__, "content": _json(schema)} for error in errors}
    failure = {"description": "The server failed; its log says more.", "content": _json(schema)}
    return described | {str(int(INTERNAL_STATUS)): failure}


def _model_error() -> Description:
    texts = _strings("Message", "OriginalMessage", "LogStreamArn")
    schema = {**texts, "properties": texts["properties"] | {"OriginalStatusCode": {"type": "integer"}}}
    return {str(int(ENDPOINT_STATUS)): {"description": "ModelError", "content": _json(schema)}}
