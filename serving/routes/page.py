"""GET /docs: the server's page, which loads nothing from elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import orjson
from fastapi import Query
from starlette.types import Receive, Scope, Send

from forecastle.contract.settings import Settings
from forecastle.serving.exchange import respond
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.routes.route import Operation, Route

TEMPLATE = Path(__file__).with_name("page.html")
PLACEHOLDER = b"{{page}}"
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


class Page:
    """The page, with the data of the model inserted."""

    def __init__(self, models: Models, settings: Settings, version: str) -> None:
        self._models = models
        self._settings = settings
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        wanted = parse_qs(scope["query_string"].decode("latin-1")).get("model", [""])[-1]
        content = orjson.dumps(self._content(wanted)).replace(b"<", b"\\u003c")  # no </script> inside the script
        body = TEMPLATE.read_bytes().replace(PLACEHOLDER, content)
        headers = [(b"content-security-policy", POLICY), (b"cache-control", b"no-store")]
        await respond(send, 200, headers, body, "text/html; charset=utf-8")

    def _content(self, wanted: str) -> Mapping[str, Any]:
        """The data that the page shows: that of the requested model, or of the first."""
        limits = {
            "max_content_length": self._settings.max_content_length,
            "timeout": self._settings.timeout,
            "queue": self._settings.queue,
            "workers": self._settings.workers,
        }
        loaded = self._models.all()
        shown = next((held for held in loaded if held.name == wanted), loaded[0] if loaded else None)
        return {
            "version": self._version,
            "pid": os.getpid(),
            "limits": limits,
            "several": self._models.several,
            "names": [held.name for held in loaded],
            "model": shown and _described(shown),
            "address": f"/models/{quote(shown.name, safe='')}/invoke"
            if shown and self._models.several
            else "/invocations",
        }


def _described(held: HeldModel) -> Mapping[str, Any]:
    example = held.model.sample_request()
    return {
        "name": held.name,
        "title": held.algorithm.title,
        "hyperparameters": dict(held.hyperparameters),
        "metrics": dict(held.metrics),
        "facts": dict(held.model.facts()),
        "request_types": held.request_types,
        "response_types": held.response_types,
        "example": {
            "body": example.body.decode("utf-8", "replace"),
            "content_type": example.content_type.essence,
            "attributes": example.attributes,
        },
    }


class ToPage:
    """GET /: go to the page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await respond(send, 307, [(b"location", b"/docs")], b"")


def shown_model(
    model: Annotated[str, Query(description="The model to show.")] = "",
) -> None:
    """Declares the parameter."""


def routes(models: Models, settings: Settings, version: str) -> list[Route]:
    shown = Operation("GET", "get_page", "The server's page", (shown_model,), media_type="text/html")
    root = Operation("GET", "get_root", "To the server's page", status=307, description="It is at /docs.")
    return [Route("/docs", Page(models, settings, version), [shown]), Route("/", ToPage(), [root])]
