"""A route: the ASGI application that answers a path, and the description of its methods in /openapi.json.

FastAPI generates the document from routes that declare their parameters and their models of requests and answers. It
does not call the applications: its own handler resolves dependencies and creates an object for each part of a request,
which takes longer than scoring a row. An application gets the bytes of a body, and decodes them to arrays. FastAPI is
imported when the document is first requested.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette import routing
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from forecastle.contract.errors import (
    INTERNAL_STATUS,
    BodyTooLate,
    ForecastleError,
    HeadTooLarge,
    HeadTooLate,
    InvalidData,
    PlatformError,
    Stopping,
    TrailersTooLarge,
)
from forecastle.serving.exchange import exchange_of
from forecastle.serving.routes.bodies import BINARY, Bodies
from forecastle.serving.routes.parameter import Parameter

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

Description = dict[str, Any]

# Errors of the connection, which any path may answer.
CONNECTION: tuple[type[ForecastleError], ...] = (
    InvalidData,
    HeadTooLate,
    BodyTooLate,
    HeadTooLarge,
    TrailersTooLarge,
    Stopping,
)
# Those that may be raised while a route's application runs, and are then formatted as its errors.
WHILE_READING = (InvalidData, BodyTooLate, TrailersTooLarge, Stopping)
FAILURE = "The server failed; see its log."
OCTETS = "application/octet-stream"
TEXT: Description = {"text/plain": {"schema": {"type": "string"}}}


REQUEST_ID = Parameter(  # of all routes
    "header",
    "X-Request-Id",
    default="",
    limits={"description": "Returned with the answer and written to the log; generated if it is missing."},
)


class JsonObject(BaseModel, extra="allow"):
    """Any JSON object."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method of a path, as /openapi.json describes it.

    Attributes
    ----------
    name : its operationId.
    answer : the model of a JSON answer.
    media_type : of an answer that is not JSON.
    octets : whether body and answer may also be JSON with bytes after it.
    predicts : whether the body is a request to a model, and the answer a prediction, unless it has a media type.
    errors : refusals in a sentence of plain text, in addition to the connection's.
    objects : refusals in a JSON object of `object_model`.
    wrapped : the status and the model of the one object that all refusals of the route are wrapped in.
    """

    method: str
    name: str
    summary: str
    parameters: Sequence[Parameter] = ()
    answer: type[BaseModel] | None = None
    media_type: str | None = None
    octets: bool = False
    status: int = HTTPStatus.OK
    description: str = "The answer."
    predicts: bool = False
    errors: Sequence[type[ForecastleError]] = ()
    objects: Sequence[type[ForecastleError]] = ()
    object_model: type[BaseModel] | None = None
    wrapped: tuple[int, type[BaseModel]] | None = None

    def declared(self, path: str, bodies: Bodies) -> "APIRoute":
        """The route that FastAPI describes."""
        from fastapi import Depends
        from fastapi.routing import APIRoute

        responses = self._responses()
        extra: Description = {}
        if self.octets:
            extra = {"requestBody": {"content": {OCTETS: {"schema": BINARY}}}}
            responses[self.status]["content"] = {OCTETS: {"schema": BINARY}}
        if self.predicts:
            extra = {"requestBody": {"required": True, "content": bodies.requests}}
        if self.media_type is not None:
            schema = {} if self.media_type == "*/*" else {"type": "string"}  # any may be JSON
            responses[self.status]["content"] = {self.media_type: {"schema": schema}}
        elif self.predicts:
            responses[self.status]["content"] = bodies.answers
        return APIRoute(
            path,
            _not_called,
            methods=[self.method],
            operation_id=self.name,
            summary=self.summary,
            dependencies=[Depends(each.declared()) for each in (*self.parameters, REQUEST_ID)],
            status_code=self.status,
            response_model=self.answer,
            response_class=JSONResponse if self.answer else Response,
            responses=responses,
            openapi_extra=extra,
        )

    def _responses(self) -> dict[int | str, Description]:
        found: dict[int | str, Description] = {}

        def add(status: int, description: str, model: type[BaseModel] | None = None) -> Description:
            response = found.setdefault(int(status), {"description": description, "headers": dict(_HEADERS)})
            if description not in response["description"]:
                response["description"] += f" {description}"
            if model is not None:
                response["model"] = model
            return response

        add(self.status, self.description)
        for kind in (*self.errors, *CONNECTION):
            add(kind.status, kind.__doc__ or "").setdefault("content", {}).update(TEXT)
        add(INTERNAL_STATUS, FAILURE).setdefault("content", {}).update(TEXT)
        if self.objects:
            for kind in self.objects:
                add(kind.status, kind.__doc__ or "", self.object_model)
            add(INTERNAL_STATUS, FAILURE, self.object_model)
        if self.wrapped is not None:
            status, model = self.wrapped
            add(status, model.__doc__ or "", model)
        found[int(PlatformError.status)]["headers"]["Retry-After"] = {
            "schema": {"type": "integer"},
            "description": "Seconds.",
        }
        return found


_HEADERS: Description = {"X-Request-Id": {"schema": {"type": "string"}}}


class Route(routing.Route):
    """An ASGI application at a path, and its operations; it records its path in the exchange."""

    def __init__(
        self, path: str, app: ASGIApp, operations: Sequence[Operation], middleware: Sequence[Middleware] = ()
    ) -> None:
        methods = [operation.method for operation in operations]
        super().__init__(path, app, methods=methods, middleware=middleware)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)  # a model's name may contain any characters
        self._operations = operations

    def declared(self, bodies: Bodies) -> "list[APIRoute]":
        return [operation.declared(self.path_format, bodies) for operation in self._operations]

    def matches(self, scope: Scope) -> tuple[routing.Match, Scope]:
        match, child = super().matches(scope)
        if match is routing.Match.PARTIAL:
            exchange_of(scope).others |= self.methods or set()
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).route = self.path_format
        await super().handle(scope, receive, send)


def _not_called() -> None:
    # FastAPI requires an endpoint, and would use its docstring as the operation's description.
    pass
