"""GET /openapi.json: the routes, described for machines."""

from typing import Any

from forecastle.contract.errors import (
    ENDPOINT_STATUS,
    INTERNAL_STATUS,
    AlreadyLoaded,
    DeadlineExceeded,
    ForecastleError,
    InvalidData,
    NotAcceptable,
    NotFound,
    NotReady,
    OutOfModelSpace,
    Overloaded,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from forecastle.serving.models import Models

_REFUSED = (InvalidData, NotAcceptable, PayloadTooLarge, UnsupportedMediaType, NotReady, Overloaded, DeadlineExceeded)


def describe(title: str, version: str, models: Models) -> dict[str, Any]:
    """The OpenAPI document; which media types a body may be in is known once models are loaded."""
    loaded = models.all()
    reads = sorted({media_type for held in loaded for media_type in held.request_types}) or ["*/*"]
    writes = sorted({media_type for held in loaded for media_type in held.response_types}) or ["*/*"]
    named = [_TARGET] if models.several else []
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": (_under_models(reads, writes) if models.several else {})
        | {
            "/invocations": {"post": _invocation("Predict", reads, writes, _refusals(), *named)},
            "/endpoints/{name}/invocations": {
                "post": _invocation("Predict, as InvokeEndpoint does", reads, writes, _model_error(), _NAME, *named)
            },
            "/endpoints/{name}/invocations-response-stream": {
                "post": _invocation(
                    "Predict, as InvokeEndpointWithResponseStream does",
                    reads,
                    ["application/vnd.amazon.eventstream"],
                    _model_error(),
                    _NAME,
                    *named,
                )
            },
            "/ping": {
                "get": _operation("Is the model ready?", {"200": {"description": "It is."}} | _sentence(NotReady))
            },
            "/execution-parameters": {"get": _operation("What a batch transform may send", _ok("application/json"))},
            "/metrics": {"get": _operation("Figures for Prometheus", _ok("text/plain"))},
            "/docs": {"get": _operation("The server's page", _ok("text/html"))},
        },
    }


def _under_models(reads: list[str], writes: list[str]) -> dict[str, Any]:
    """The calls of a server of several models."""
    names = {name: {"type": "string"} for name in ("model_name", "url")}
    load = {"schema": {"type": "object", "properties": names, "required": list(names)}}
    query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("limit", "next_page_token")]
    refused = (InvalidData, NotFound, AlreadyLoaded, PayloadTooLarge, DeadlineExceeded, OutOfModelSpace)
    return {
        "/models": {
            "post": _operation("Load a model", _ok("application/json") | _objects(*refused))
            | {"requestBody": {"required": True, "content": {"application/json": load}}},
            "get": _operation("List the models", _ok("application/json") | _objects(InvalidData))
            | {"parameters": query},
        },
        "/models/{name}": {
            method: _operation(summary, _ok("application/json") | _objects(NotFound)) | {"parameters": [_NAME]}
            for method, summary in (("get", "Where a model came from"), ("delete", "Unload a model"))
        },
        "/models/{name}/invoke": {
            "post": _invocation(
                "Predict", reads, writes, _refusals() | _sentence(OutOfModelSpace) | _objects(NotFound), _NAME
            )
        },
    }


_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_ATTRIBUTES = {
    "name": "X-Amzn-SageMaker-Custom-Attributes",
    "in": "header",
    "schema": {"type": "string", "maxLength": 1024},
}
_TARGET = {"name": "X-Amzn-SageMaker-Target-Model", "in": "header", "required": True, "schema": {"type": "string"}}


def _invocation(
    summary: str, reads: list[str], writes: list[str], refusals: dict[str, Any], *parameters: dict[str, Any]
) -> dict[str, Any]:
    body = {"required": True, "content": {media_type: {} for media_type in reads}}
    return _operation(summary, _ok(*writes) | refusals) | {
        "parameters": [*parameters, _ATTRIBUTES],
        "requestBody": body,
    }


def _operation(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": responses}


def _ok(*media_types: str) -> dict[str, Any]:
    return {"200": {"description": "The answer.", "content": {media_type: {} for media_type in media_types}}}


def _refusals() -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for error in _REFUSED:
        responses.update(_sentence(error))
    failure = {"description": "The server failed; its log says more.", "content": {"text/plain": {}}}
    return responses | {str(int(INTERNAL_STATUS)): failure}


def _sentence(error: type[ForecastleError]) -> dict[str, Any]:
    status = str(int(error.status))
    return {status: {"description": error.__doc__, "content": {"text/plain": {}}}}


def _objects(*errors: type[ForecastleError]) -> dict[str, Any]:
    members = {"code": {"type": "integer"}, "type": {"type": "string"}, "message": {"type": "string"}}
    content = {"application/json": {"schema": {"type": "object", "properties": members}}}
    return {str(int(error.status)): {"description": error.__doc__, "content": content} for error in errors}


def _model_error() -> dict[str, Any]:
    members = {name: {"type": "string"} for name in ("Message", "OriginalMessage", "LogStreamArn")}
    schema = {"type": "object", "properties": members | {"OriginalStatusCode": {"type": "integer"}}}
    content = {"application/json": {"schema": schema}}
    return {str(int(ENDPOINT_STATUS)): {"description": "ModelError", "content": content}}
