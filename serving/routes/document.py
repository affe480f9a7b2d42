"""GET /openapi.json: the OpenAPI document."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from forecastle.serving.exchange import respond
from forecastle.serving.routes.route import JsonObject, Operation, Route


class Document:
    """The OpenAPI document of the application."""

    def __init__(self, openapi: Callable[[], dict[str, Any]]) -> None:
        self._openapi = openapi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        document = await asyncio.to_thread(self._openapi)  # off the event loop: it takes up to 0.1 s
        await respond(send, 200, [], orjson.dumps(document), "application/json")


def routes(openapi: Callable[[], dict[str, Any]]) -> list[Route]:
    return [
        Route(
            "/openapi.json", Document(openapi), [Operation("GET", "get_document", "This document", answer=JsonObject)]
        )
    ]
