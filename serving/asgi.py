"""What passes between server and application: ASGI's types, and an answer sent whole.

Source: "HTTP & WebSocket ASGI Message Format", asgi.readthedocs.io.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]


async def respond(send: Send, status: int, headers: RawHeaders, body: bytes, media_type: str | None = None) -> None:
    """Send an answer, its length and, where it is given, its media type told before the other headers."""
    told = [(b"content-length", b"%d" % len(body))]
    if media_type is not None:
        told.append((b"content-type", media_type.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": told + headers})
    await send({"type": "http.response.body", "body": body})
