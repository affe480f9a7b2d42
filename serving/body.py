"""A request's body, read up to the limit."""

import asyncio

from starlette.types import Receive

from forecastle.contract.errors import BodyTooLate, PayloadTooLarge
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.kernels.joined import LARGE, joined
from forecastle.serving.exchange import Disconnected, Exchange, RawHeaders

BODY = (Source("Body"),)


async def read_body(receive: Receive, headers: RawHeaders, settings: Settings, exchange: Exchange) -> bytes:
    """The whole body. Raises `PayloadTooLarge` before reading more than the limit, `BodyTooLate` and `Disconnected`.

    uvicorn reads and discards what a refused client still sends, so that the connection stays usable.
    """
    limit = settings.max_content_length
    for name, value in headers:
        if name == b"content-length" and int(value) > limit:
            raise _too_large(limit, exchange, headers, f"{int(value)}")
    try:
        async with asyncio.timeout(settings.timeout):
            body = await _read(receive, limit)
    except TimeoutError:
        exchange.headers.append((b"connection", b"close"))
        expected = f"its end within {settings.timeout:g} seconds (setting MODEL_SERVER_TIMEOUT)"
        raise BodyTooLate(place=BODY, expected=expected) from None
    exchange.bytes_in = len(body)
    if len(body) > limit:
        raise _too_large(limit, exchange, headers, "more")
    return body


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    parts: list[bytes] = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body") and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if message["type"] == "http.disconnect":
        raise Disconnected
    if len(parts) == 1:
        return parts[0]
    return await asyncio.to_thread(joined, parts) if size >= LARGE else b"".join(parts)


def _too_large(limit: int, exchange: Exchange, headers: RawHeaders, got: str) -> PayloadTooLarge:
    if any(name == b"expect" for name, _ in headers):
        # The client may or may not send the body now: what follows could be either a body or a request.
        exchange.headers.append((b"connection", b"close"))
    return PayloadTooLarge(place=BODY, expected=f"at most {limit} bytes (setting MAX_CONTENT_LENGTH)", got=got)
