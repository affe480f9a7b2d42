"""Responses, and sending them to the client."""

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from forecastle.region.s3 import xml
from forecastle.region.s3.blobs import STEP
from forecastle.region.s3.contents import Contents
from forecastle.region.s3.errors import S3Error

Send = Callable[[Any], Awaitable[None]]
Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes of an object, from `start` to `end` (exclusive)."""

    contents: Contents
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Response:
    """A status, headers and a body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Stream = b""


def document(name: str, content: xml.Content, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/xml"}, xml.document(name, content))


@dataclass(frozen=True, slots=True)
class Marks:
    """The two ids of a response."""

    request: str
    host: str

    @classmethod
    def new(cls) -> "Marks":
        return cls(secrets.token_hex(8).upper(), base64.b64encode(secrets.token_bytes(56)).decode())


def refusal(error: S3Error, marks: Marks) -> Response:
    fields = [("Code", error.code), ("Message", error.message), *error.fields.items()]
    body = xml.written("Error", [*fields, ("RequestId", marks.request), ("HostId", marks.host)])
    return Response(error.status, {"content-type": "application/xml"}, body)


async def answer(response: Response, marks: Marks, send: Send, run: Run, *, bodiless: bool) -> None:
    """Send a response; `run` runs file reads in a thread."""
    body = response.body
    length = body.end - body.start if isinstance(body, Stream) else len(body)
    headers = {"x-amz-request-id": marks.request, "x-amz-id-2": marks.host, **response.headers}
    if response.status not in (204, 304):
        headers.setdefault("content-length", str(length))
    raw = [(name.encode("latin-1"), _header_value(value)) for name, value in headers.items()]
    if isinstance(body, Stream):
        with body.contents as contents:
            if not bodiless and not contents.in_memory:
                await _send_stream(response.status, raw, body, send, run)
                return
            contents.seek(body.start)
            body = b"" if bodiless else contents.read(length)
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if bodiless else body})


async def _send_stream(status: int, raw: list[tuple[bytes, bytes]], stream: Stream, send: Send, run: Run) -> None:
    """The first bytes are read before the headers are sent, so that an unreadable file is a 500."""
    at = stream.start
    stream.contents.seek(at)
    data = await run(stream.contents.read, min(STEP, stream.end - at)) if at < stream.end else b""
    await send({"type": "http.response.start", "status": status, "headers": raw})
    while True:
        at += len(data)
        await send({"type": "http.response.body", "body": data, "more_body": at < stream.end})
        if at >= stream.end:
            return
        data = await run(stream.contents.read, min(STEP, stream.end - at))


def _header_value(value: str) -> bytes:
    return value.encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")


def iso_time(seconds: float) -> str:
    """S3's format of times in XML, in whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_time(seconds: float) -> str:
    return formatdate(int(seconds), usegmt=True)
