"""Middleware that turns errors into answers."""

import asyncio
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecastle.contract.errors import (
    INTERNAL_STATUS,
    ForecastleError,
    MethodNotAllowed,
    NotFound,
    OutOfSpace,
    PlatformError,
    Stopping,
    forget_frames,
)
from forecastle.contract.place import Place, Source, as_json
from forecastle.serving.exchange import Disconnected, RawHeaders, exchange_of, respond
from forecastle.serving.log import encodable, in_short, traceback_of, write_line

REFUSAL = "refusal"  # the key of an ASGI scope under which the connection stores its error
STOPPING = "The server is stopping, and the answer is not ready: retry after 1 s."
RETRY_AFTER_SECONDS = b"1"
PLACE = b"x-forecastle-place"  # the header with an error's place, as JSON in ASCII
LONGEST_PLACE = 2000

ErrorAnswer = tuple[int, RawHeaders, bytes]  # status, headers and body
ErrorForm = Callable[[Scope, int, str], ErrorAnswer]  # takes the request's scope, the error's status and its sentence


def plain_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:  # noqa: ARG001
    """The sentence as plain text: the form of an error unless a route has its own."""
    return status, [(b"content-type", b"text/plain; charset=utf-8")], sentence.encode("utf-8")


class Refusals:
    """Middleware that answers errors: those raised inside it, and those of the connection.

    It wraps the whole application, and again each route that formats errors in its own way.
    """

    def __init__(self, app: ASGIApp, form: ErrorForm = plain_error) -> None:
        self.app = app
        self.form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)

        async def receive_unless_refused() -> Message:
            message = await receive()
            if REFUSAL in scope:
                raise scope[REFUSAL]
            return message

        try:
            if REFUSAL in scope:
                raise scope[REFUSAL]
            await self.app(scope, receive_unless_refused, send)
        except Disconnected:
            raise
        except asyncio.CancelledError:  # the server is stopping
            if exchange.status is not None:
                await _end_of_connection(receive)
                raise Disconnected from None
            await self._refuse(Stopping(STOPPING), scope, send)
        except Exception as error:
            if exchange.status is not None:  # the answer has begun: the connection can only be aborted
                raise
            try:
                await self._refuse(error, scope, send)
            finally:
                forget_frames(error)

    async def _refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        exchange = exchange_of(scope)
        if isinstance(error, NotFound) and exchange.others:  # /models/x/invoke, and no model is called x/invoke
            error = _wrong_method(scope, exchange.others)
        if isinstance(error, MemoryError):
            error = OutOfSpace("The machine has no memory left for this request: send fewer records at a time.")
        if isinstance(error, ForecastleError):
            status, sentence = error.status, encodable(error.sentence)
            place = json.dumps(as_json(error.place)).encode("ascii")
            if error.place and len(place) <= LONGEST_PLACE:
                exchange.headers.append((PLACE, place))
        else:
            name = exchange.id.decode("ascii")
            status = INTERNAL_STATUS
            sentence = f"The server failed; see its log for request id {name}."
            write_line("error", id=name, sentence=encodable(in_short(error)), traceback=traceback_of(error))
        if isinstance(error, PlatformError):
            exchange.headers.append((b"retry-after", RETRY_AFTER_SECONDS))
        exchange.error, exchange.fault = sentence, type(error)
        code, headers, body = self.form(scope, status, sentence)
        await respond(send, code, headers, body)


async def _end_of_connection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def raise_as_ours(request: Request, error: Exception) -> Response:
    """Convert the router's 404 and 405 to our own errors, which name the path or the method."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        raise _wrong_method(request.scope, (error.headers or {}).get("Allow", "").split(", ")) from None
    raise NotFound("no such path; GET /docs lists the paths.", place=_place(request.scope)) from None


def _wrong_method(scope: Scope, methods: Iterable[str]) -> MethodNotAllowed:
    """The error for a path that has these methods; its answer lists them in a header."""
    allowed = ", ".join(sorted(methods))
    exchange_of(scope).headers.append((b"allow", allowed.encode("ascii")))
    return MethodNotAllowed(place=_place(scope), expected=allowed, got=scope["method"])


def _place(scope: Scope) -> Place:
    return (Source(quote(scope["path"])[:60]),)
