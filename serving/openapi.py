"""GET /openapi.json: the routes, described for machines."""

from typing import Any

from contract.errors import (
    ENDPOINT_STATUS,
    INTERNAL_STATUS,
    DeadlineExceeded,
    InvalidData,
    NotAcceptable,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from serving.models import Models

_REFUSED = (InvalidData, NotAcceptable, PayloadTooLarge, UnsupportedMediaType, NotReady, Overloaded, DeadlineExceeded)


def describe(title: str, version: str, models: Models) -> dict[str, Any]:
    """The OpenAPI document; which media types a body may be in is known once a model is loaded."""
    try:
        held = models.only()
    except NotReady:
        reads, writes = ["*/*"], ["*/*"]
    else:
        reads, writes = list(held.request_types), list(held.response_types)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {
            "/invocations": {"post": _invocation("Predict", reads, writes, _refusals())},
            "/endpoints/{name}/invocations": {
                "post": _invocation("Predict, as InvokeEndpoint does", reads, writes, _model_error(), _NAME)
            },
            "/endpoints/{name}/invocations-response-stream": {
                "post": _invocation(
                    "Predict, as InvokeEndpointWithResponseStream does",
                    reads,
                    ["application/vnd.amazon.eventstream"],
                    _model_error(),
                    _NAME,
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


_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_ATTRIBUTES = {
    "name": "X-Amzn-SageMaker-Custom-Attributes",
    "in": "header",
    "schema": {"type": "string", "maxLength": 1024},
}


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


def _sentence(error: type[Exception]) -> dict[str, Any]:
    status = str(int(error.status))  # type: ignore[attr-defined]
    return {status: {"description": error.__doc__, "content": {"text/plain": {}}}}


def _model_error() -> dict[str, Any]:
    members = {name: {"type": "string"} for name in ("Message", "OriginalMessage", "LogStreamArn")}
    schema = {"type": "object", "properties": members | {"OriginalStatusCode": {"type": "integer"}}}
    content = {"application/json": {"schema": schema}}
    return {str(int(ENDPOINT_STATUS)): {"description": "ModelError", "content": content}}
