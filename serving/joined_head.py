"""A connection's transport that sends the head of a response together with the first part of its body.

uvicorn writes them one after the other. uvloop sends each write at once, which takes a system call more, and the client
is woken twice.
"""

from asyncio import AbstractEventLoop, Transport
from typing import Any

MOST_BYTES = 2**14  # of a head that waits
MOST_COPIED = 2**16  # bytes of a body that is copied to its head


class JoinedHead:
    """An `asyncio.Transport`, except that `write` keeps a head for the next write, or for the end of the iteration."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if not head and len(data) <= MOST_BYTES and data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._send_head)
        elif head and len(data) > MOST_COPIED:
            self._transport.write(head)
            self._transport.write(data)
        else:
            self._transport.write(head + data)

    def close(self) -> None:
        self._send_head()
        self._transport.close()

    def abort(self) -> None:
        self._head = b""
        self._transport.abort()

    def _send_head(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
