"""GET /docs: the server's page, which needs nothing but this server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from contract.errors import NotReady
from contract.settings import Settings
from serving.asgi import Receive, Scope, Send, respond
from serving.models import HeldModel, Models

TEMPLATE = Path(__file__).with_name("page.html")
PLACEHOLDER = b"{{page}}"
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


class Page:
    """The page, with what it tells of the model written into it."""

    def __init__(self, models: Models, settings: Settings, version: str) -> None:
        self._models = models
        self._settings = settings
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        content = orjson.dumps(self._content()).replace(b"<", b"\\u003c")  # no </script> in the middle of the script
        body = TEMPLATE.read_bytes().replace(PLACEHOLDER, content)
        headers = [(b"content-security-policy", POLICY), (b"cache-control", b"no-store")]
        await respond(send, 200, headers, body, "text/html; charset=utf-8")

    def _content(self) -> Mapping[str, Any]:
        limits = {
            "max_content_length": self._settings.max_content_length,
            "timeout": self._settings.timeout,
            "queue": self._settings.queue,
            "workers": self._settings.workers,
        }
        try:
            model = _described(self._models.only())
        except NotReady:
            model = None
        return {"version": self._version, "pid": os.getpid(), "limits": limits, "model": model}


def _described(held: HeldModel) -> Mapping[str, Any]:
    example = held.model.example()
    return {
        "name": held.name,
        "title": held.algorithm.title,
        "hyperparameters": dict(held.hyperparameters),
        "metrics": dict(held.metrics),
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
