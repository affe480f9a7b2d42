"""An exchange: one request and its answer, as the log and the metrics report them."""

import os
import re
from dataclasses import dataclass, field
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecastle.contract.errors import forget_frames
from forecastle.serving.log import write_line
from forecastle.serving.metrics import Metrics
from forecastle.serving.prediction import Times

_KEY = "exchange"  # of an ASGI scope
_VALID_ID = re.compile(rb"[\w.:=+/@-]{1,128}")

RawHeaders = list[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The client disconnected before it was answered."""


@dataclass(slots=True, eq=False, repr=False)
class Exchange:
    """One request, with the fields of its log line; times in seconds.

    Attributes
    ----------
    id : the client's X-Request-Id if it is valid, otherwise a random one; every response contains it.
    route : the path's template, by which the metrics count requests.
    others : methods of routes that the path also matches, as the name of a model may end with the rest of a path.
    model, endpoint, inference_id : the model that answered, and the names that the client gave.
    error, fault : the error's sentence and its type.
    headers : additional headers of the answer.
    times : how long each step took.
    """

    id: bytes
    method: str
    path: str
    started: float
    route: str = "other"
    others: frozenset[str] = frozenset()
    status: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    model: str | None = None
    endpoint: str | None = None
    inference_id: str | None = None
    error: str | None = None
    fault: type[Exception] | None = None
    headers: RawHeaders = field(default_factory=list)
    times: Times = field(default_factory=Times)


def exchange_of(scope: Scope) -> Exchange:
    """The exchange of an ASGI scope's request."""
    exchange: Exchange = scope[_KEY]
    return exchange


async def respond(send: Send, status: int, headers: RawHeaders, body: bytes, media_type: str | None = None) -> None:
    """Send an answer in one piece, its length and media type, if any, before the other headers."""
    first = [(b"content-length", b"%d" % len(body))]
    if media_type is not None:
        first.append((b"content-type", media_type.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": first + headers})
    await send({"type": "http.response.body", "body": body})


class Exchanges:
    """The outermost middleware: creates the exchange of each request, then logs and counts it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        exchange = Exchange(_request_id(scope["headers"]), scope["method"], scope["path"], perf_counter())
        scope[_KEY] = exchange
        own_header = (b"x-request-id", exchange.id)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], own_header, *exchange.headers]
            else:
                exchange.bytes_out += len(message.get("body", b""))
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, send_on)
        except Disconnected as error:
            forget_frames(error)
            exchange.error = "The client disconnected before it was answered."
            exchange.fault = Disconnected
        finally:
            self.metrics.in_flight.dec()
            self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        self.metrics.count(exchange.route, exchange.status, seconds)
        if exchange.model is not None:
            self.metrics.count_prediction(exchange.times)
        if exchange.fault is not None:
            self.metrics.count_refusal(exchange.fault)
        if exchange.route == "/ping" and exchange.status == 200:
            return
        write_line(
            "request",
            id=exchange.id.decode("ascii"),
            method=exchange.method,
            path=exchange.path,
            status=exchange.status,
            ms=_milliseconds(seconds),
            decode_ms=_milliseconds(exchange.times.decode),
            queue_ms=_milliseconds(exchange.times.queue),
            predict_ms=_milliseconds(exchange.times.predict),
            encode_ms=_milliseconds(exchange.times.encode),
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
            model=exchange.model,
            endpoint=exchange.endpoint,
            inference_id=exchange.inference_id,
            error=exchange.error,
        )


def _request_id(headers: RawHeaders) -> bytes:
    for name, value in headers:
        if name == b"x-request-id":
            if _VALID_ID.fullmatch(value):
                return value
            break
    return os.urandom(16).hex().encode("ascii")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
