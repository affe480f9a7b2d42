"""HTTP on a connection: uvicorn's protocol with a limited parser, and with errors in the order of the requests."""

import fcntl
import termios
from asyncio import TimerHandle, Transport

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from forecastle.contract.errors import (
    ForecastleError,
    HeadTooLate,
    InvalidData,
    MethodNotAllowed,
    PlatformError,
    Stopping,
)
from forecastle.serving.joined_head import JoinedHead
from forecastle.serving.log import write_line
from forecastle.serving.parser import HEAD, Parser
from forecastle.serving.parser import HEAD_BYTES as HEAD_BYTES
from forecastle.serving.refusals import REFUSAL, RETRY_AFTER_SECONDS, STOPPING

HEAD_SECONDS = 30.0
MOST_WAITING = 16  # pipelined requests that wait on a connection; further ones are read later
_LOGGED_PATH = 200  # characters of a refused request's path that are logged


class State(ServerState):
    """The state that connections share, and whether the server is stopping."""

    stopping = False


class Flow(FlowControl):
    """uvicorn's flow control; it resumes reading only after everything read so far has been parsed."""

    unparsed = b""

    def resume_reading(self) -> None:
        if not self.unparsed:
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """Refuses a request that is not HTTP, too large, or incomplete too long after its first byte, and disconnects.

    A new connection without a request is closed after the same time. A kept-alive connection is closed after the idle
    timeout even if the client sends blank lines; some do after a body, which makes uvicorn think it busy.

    While the server stops, all pipelined requests are answered, and the last answer closes the connection.
    """

    head_seconds = HEAD_SECONDS
    parser: Parser  # type: ignore[assignment]  # has the methods that uvicorn calls
    flow: Flow
    _head_timer: TimerHandle | None = None
    _refused = False  # nothing further is read
    _refusal: ForecastleError | None = None  # sent once the requests before it are answered
    _stopping = False
    _keep_alive = True  # after the last answer, unless the server stops

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.transport = JoinedHead(transport, self.loop)  # type: ignore[assignment]  # has the methods that are called
        self.parser, self.flow = Parser(self), Flow(transport)
        self._start_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.parser.close()
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self.flow.unparsed or self.is_full:
            self.flow.unparsed += data
            self.flow.pause_reading()
            return
        self._unset_keepalive_if_required()
        was_open = self.parser.head_is_open
        blank = not self.parser.message_is_open and data.isspace()
        try:
            self.flow.unparsed = self.parser.feed_data(data)
        except ForecastleError as error:
            self._refuse(error)
        except httptools.HttpParserError:
            self._refuse(InvalidData("Invalid HTTP request received."))
        else:
            if self.flow.unparsed:
                self.flow.pause_reading()
            if blank and not was_open:
                if not self._answering:  # uvicorn starts its own timer when the answer ends
                    self._start_timer(self.timeout_keep_alive)
            elif not self.parser.head_is_open:
                self._stop_timer()
            else:
                self._start_timer(self.head_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop_timer()

    def on_headers_complete(self) -> None:
        before = self.cycle if self._answering else None
        super().on_headers_complete()
        self._stopping = self._stopping or (isinstance(self.server_state, State) and self.server_state.stopping)
        if self._stopping and before is not None and not before.response_started:
            before.keep_alive = self._keep_alive  # or the next request would not be answered
        self._keep_alive = self.cycle.keep_alive
        if self._stopping:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.flow.unparsed and not self.is_full:
            self.loop.call_soon(self._parse_on)
        if self._refusal is not None and not self._answering:
            self._write_refusal(self._refusal)

    @property
    def is_full(self) -> bool:
        return len(self.pipeline) >= MOST_WAITING

    def _parse_on(self) -> None:
        data, self.flow.unparsed = self.flow.unparsed, b""
        if data and not self.transport.is_closing():
            self.data_received(data)
            self.flow.resume_reading()

    def end_with_answer(self) -> None:
        """Close the connection after its last answer."""
        self._stopping = True
        if self._answering:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection if it is idle, otherwise after its last answer. May be called repeatedly."""
        self.end_with_answer()
        head_is_open = self.parser.message_is_open and self.parser.head_is_open
        if not (self._answering or head_is_open or self.transport.is_closing() or self._has_unread()):
            self.transport.close()

    def give_up(self) -> None:
        """Stop reading, and refuse the requests that wait for another one; the caller cancels the running tasks."""
        error = Stopping(STOPPING)
        for cycle, _ in self.pipeline:
            cycle.scope[REFUSAL] = error  # type: ignore[literal-required]
        if self.parser.message_is_open and self.parser.head_is_open:
            self._refuse(error)
        self._refused = True

    def _refuse(self, error: ForecastleError) -> None:
        """Answer the request that is being read with `error`, after the earlier requests, and stop reading."""
        self._refused = True
        self._stop_timer()
        if self.parser.message_is_open and not self.parser.head_is_open:
            self._refuse_body(error)
        elif self._answering:
            self._refusal = error
        else:
            self._write_refusal(error)

    def _refuse_body(self, error: ForecastleError) -> None:
        """The application already has the request's head: let it answer with `error`, unless it has answered."""
        cycle = self.cycle
        if cycle.response_complete:
            self.transport.close()
        else:
            cycle.scope[REFUSAL] = error  # type: ignore[literal-required]
            cycle.keep_alive = False
            cycle.message_event.set()

    def _write_refusal(self, error: ForecastleError) -> None:
        if self.transport.is_closing():
            return
        path = self.url.partition(b"?")[0] if self.parser.message_is_open else b""
        write_line("request", path=path[:_LOGGED_PATH].decode("latin-1"), status=error.status, error=error.sentence)
        body = error.sentence.encode("ascii")
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", b"GET, HEAD, POST"))
        if isinstance(error, PlatformError):
            headers.append((b"retry-after", RETRY_AFTER_SECONDS))
        status = b"HTTP/1.1 %d %b\r\n" % (error.status, error.status.phrase.encode("ascii"))
        head = status + b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(head + b"\r\n" + body)
        self.transport.close()

    def _expire(self) -> None:
        self._head_timer = None
        if self._answering:  # the next request waits for an answer
            self._start_timer(self.head_seconds)
        elif not self.parser.message_is_open:
            self.transport.close()
        else:
            self._refuse(HeadTooLate(place=HEAD, expected=f"its end within {self.head_seconds:g} seconds"))

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _has_unread(self) -> bool:
        """Whether bytes have arrived that have not been parsed."""
        if self.flow.unparsed:
            return True
        descriptor = self.transport.get_extra_info("socket").fileno()
        return fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)) != bytes(4)

    def _start_timer(self, seconds: float) -> None:
        """A running timer is not restarted."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
