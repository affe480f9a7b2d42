"""The ASGI application: every service on one port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Protocol

from forecastle.region.access import refused
from forecastle.region.routing import local_path, service_of
from forecastle.region.s3.addressing import bucket_and_key
from forecastle.region.s3.errors import S3Error
from forecastle.region.wire.exchange import Answer, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES = 100 * 2**20


class Service(Protocol):
    """A service whose requests are read whole into memory."""

    async def answer(self, service: str, request: Request) -> Answer: ...


class OnePort:
    """Routes each request to its service."""

    def __init__(
        self,
        services: Mapping[str, Service],
        control: Service,
        objects: App,
        hosts: Collection[str] = (),
    ) -> None:
        self._services = services  # without a model of AWS's
        self._control = control
        self._objects = objects
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        raw_path = local_path(headers.get("host", ""), raw_path)
        request = Request(scope["method"], raw_path, scope["query_string"].decode("latin-1"), headers)
        service = service_of(request)
        why = refused(
            request.method, raw_path, headers, self._hosts, by_bucket=service == "s3" and _has_bucket(request)
        )
        if why is not None:
            await _send(send, Answer(403, {"Content-Type": "text/plain; charset=utf-8"}, why.encode() + b"\n"))
            return
        if service == "s3":
            await self._objects(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            sentence = f"The body is larger than {BODY_BYTES} bytes.\n"
            await _send(send, Answer(413, {"Content-Type": "text/plain"}, sentence.encode()))
            return
        request = Request(request.method, raw_path, request.query, headers, body)
        answer = await self._services.get(service, self._control).answer(service, request)
        await (_send(send, answer) if answer.parts is None else _stream(send, answer, answer.parts))


def _has_bucket(request: Request) -> bool:
    try:
        return bool(bucket_and_key(request.headers.get("host", ""), request.raw_path.encode("latin-1"))[0])
    except S3Error:
        return False


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size <= BODY_BYTES:
            parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts) if size <= BODY_BYTES else None


async def _send(send: Send, answer: Answer) -> None:
    headers = [*_encoded(answer), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _stream(send: Send, answer: Answer, parts: AsyncIterator[bytes]) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _encoded(answer)})
    async for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _encoded(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("utf-8")) for name, value in answer.headers.items()]
