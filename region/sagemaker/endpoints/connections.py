"""Persistent connections to model servers, for requests and responses in one piece: a tenth of httpx' cost."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools


class Gone(Exception):
    """The connection failed, or was closed before the response was complete."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Response:
    """A server's response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Connections:
    """Idle connections by address; each request uses one exclusively."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Response:
        """Send a request. Raises `Gone`, and `TimeoutError` after `seconds`."""
        parts = urlsplit(url)
        address = (parts.hostname or "127.0.0.1", parts.port or 80)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
        async with asyncio.timeout(seconds):
            idle = self._idle.setdefault(address, [])
            while idle:
                connection = idle.pop()
                try:
                    return await self._asked(connection, content, idle)
                except Gone:
                    if connection.responding:
                        raise
                    # The server had closed the idle connection, so it has not received the request.
            return await self._asked(await _connected(address), content, idle)

    async def _asked(self, connection: "_Connection", content: bytes, idle: "list[_Connection]") -> Response:
        try:
            response = await connection.ask(content)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            idle.append(connection)
        else:
            connection.close()
        return response


async def _connected(address: tuple[str, int]) -> "_Connection":
    try:
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, *address)
    except OSError as error:
        raise Gone(str(error)) from None
    return connection


class _Connection(asyncio.Protocol):
    """One connection and its current response; httptools calls the methods whose names begin with `on_`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Response] | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self.responding = False  # whether a part of the response has arrived
        self.reusable = False  # for another request

    async def ask(self, content: bytes) -> Response:
        """Send a request and wait for the response."""
        self._headers, self._parts, self.responding, self.reusable = {}, [], False, False
        if self._transport is None or self._transport.is_closing():
            raise Gone("the connection was closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(content)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.responding = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"its response is not HTTP ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the connection was closed" if exc is None else str(exc))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue precedes the response
            return
        self.reusable = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(status, self._headers, b"".join(self._parts)))

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Gone(why))
