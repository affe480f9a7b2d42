"""The server's page at / and /docs, and its files below /page, which load nothing from elsewhere."""

import functools
import gzip
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import orjson
from starlette.types import Receive, Scope, Send

from forecastle.contract.errors import NotFound
from forecastle.contract.settings import Settings
from forecastle.serving.exchange import RawHeaders, respond
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.routes.parameter import Parameter
from forecastle.serving.routes.route import Operation, Route

FOLDER = Path(__file__).parents[1] / "page"
PLACEHOLDER = b"{{page}}"
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: RawHeaders = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Asset:
    """A file of the page, as it is sent."""

    media_type: str
    body: bytes
    zipped: bytes
    tag: bytes  # its ETag

    @classmethod
    @functools.lru_cache(maxsize=128)
    def read(cls, path: Path) -> "Asset":
        body = path.read_bytes()
        tag = b'"' + hashlib.sha256(body).hexdigest()[:16].encode() + b'"'
        return cls(MEDIA_TYPES.get(path.suffix, "text/plain; charset=utf-8"), body, gzip.compress(body, mtime=0), tag)


def _asset_in(folder: Path, name: str) -> Asset | None:
    """The file of that name in or below `folder`; None if there is none. Links out of the folder are not followed."""
    if "\0" in name:
        return None
    path = (folder / name).resolve()
    return Asset.read(path) if path.is_relative_to(folder.resolve()) and path.is_file() else None


class Page:
    """The page, with the data of the model inserted."""

    def __init__(self, models: Models, settings: Settings, version: str) -> None:
        self._models = models
        self._settings = settings
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        content = orjson.dumps(self._content(_requested(scope)), option=orjson.OPT_SERIALIZE_NUMPY)
        content = content.replace(b"<", b"\\u003c")  # no </script> inside the script
        body = (FOLDER / "index.html").read_bytes().replace(PLACEHOLDER, content)
        await respond(send, 200, [*HEADERS, (b"cache-control", b"no-store")], body, "text/html; charset=utf-8")

    def _content(self, wanted: str) -> Mapping[str, Any]:
        """The data that the page shows: that of the requested model, or of the first."""
        limits = {
            "max_content_length": self._settings.max_content_length,
            "timeout": self._settings.timeout,
            "queue": self._settings.queue,
            "workers": self._settings.workers,
        }
        shown = _shown(self._models, wanted)
        return {
            "version": self._version,
            "pid": os.getpid(),
            "limits": limits,
            "several": self._models.several,
            "names": [held.name for held in self._models.all()],
            "model": shown and _described(shown),
            "address": f"models/{quote(shown.name, safe='')}/invoke"
            if shown and self._models.several
            else "invocations",
        }


class Root:
    """GET /: the page for a browser; for other clients a redirect to it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
            await self._page(scope, receive, send)
        else:
            await respond(send, 307, [(b"location", b"/docs"), (b"vary", b"accept")], b"")


class Example:
    """The body of the request that a model's page opens with."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        shown = _shown(self._models, _requested(scope))
        if shown is None:
            raise NotFound("/page/example: no model is loaded.")
        example = shown.model.page_request()
        await respond(
            send, 200, [*HEADERS, (b"cache-control", b"no-store")], example.body, example.content_type.essence
        )


class Files:
    """The page's own files, and below algorithms/ those of the loaded models' algorithms."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        name: str = scope["path_params"]["file"]
        asset = self._asset(name)
        if asset is None:
            raise NotFound(f"/page/{quote(name)[:60]}: no such file.")
        headers: RawHeaders = [*HEADERS, (b"cache-control", b"no-cache"), (b"etag", asset.tag)]
        headers.append((b"vary", b"accept-encoding"))
        given = dict(scope["headers"])
        if given.get(b"if-none-match") == asset.tag:
            await respond(send, 304, headers, b"")
        elif b"gzip" in given.get(b"accept-encoding", b""):
            await respond(send, 200, [*headers, (b"content-encoding", b"gzip")], asset.zipped, asset.media_type)
        else:
            await respond(send, 200, headers, asset.body, asset.media_type)

    def _asset(self, name: str) -> Asset | None:
        first, _, rest = name.partition("/")
        if first != "algorithms":
            return _asset_in(FOLDER, name)
        algorithm, _, file = rest.partition("/")
        folders = {held.algorithm.name: held.algorithm.page_folder for held in self._models.all()}
        folder = folders.get(algorithm)
        return None if folder is None else _asset_in(folder, file)


def _requested(scope: Scope) -> str:
    query: str = scope["query_string"].decode("latin-1")
    return parse_qs(query).get("model", [""])[-1]


def _shown(models: Models, wanted: str) -> HeldModel | None:
    """The requested model, or the first."""
    loaded = models.all()
    return next((held for held in loaded if held.name == wanted), loaded[0] if loaded else None)


def _described(held: HeldModel) -> Mapping[str, Any]:
    example = held.model.page_request()
    return {
        "name": held.name,
        "title": held.algorithm.title,
        "origin": held.origin,
        "hyperparameters": dict(held.hyperparameters),
        "metrics": dict(held.metrics),
        "facts": dict(held.model.facts()),
        "request_types": held.request_types,
        "response_types": held.response_types,
        "example": {"content_type": example.content_type.essence, "attributes": example.attributes},
        "script": None
        if held.algorithm.page_folder is None
        else f"page/algorithms/{quote(held.algorithm.name)}/page.js",
        "data": held.model.page_data(),
    }


SHOWN_MODEL = Parameter("query", "model", default="", limits={"description": "The model to show."})
FILE_NAME = Parameter("path", "file")


def routes(models: Models, settings: Settings, version: str) -> list[Route]:
    page = Page(models, settings, version)
    shown = Operation("GET", "get_page", "The server's page", (SHOWN_MODEL,), media_type="text/html")
    root = Operation(
        "GET",
        "get_root",
        "The server's page, for a browser",
        (SHOWN_MODEL,),
        status=307,
        description="It is at /docs; with Accept: text/html the answer is the page itself, and 200.",
    )
    example = Operation(
        "GET",
        "get_example",
        "The request that the page opens with",
        (SHOWN_MODEL,),
        media_type="*/*",
        errors=(NotFound,),
    )
    files = Operation("GET", "get_page_file", "A file of the page", (FILE_NAME,), media_type="*/*", errors=(NotFound,))
    return [
        Route("/docs", page, [shown]),
        Route("/", Root(page), [root]),
        Route("/page/example", Example(models), [example]),
        Route("/page/{file:path}", Files(models), [files]),
    ]
