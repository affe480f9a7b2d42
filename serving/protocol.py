"""HTTP on a connection: uvicorn's, with limits on a request's head, for which it has none."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from forecastle.contract.errors import HeadTooLarge, HeadTooLate, UserError
from forecastle.serving.log import write_line

HEAD_BYTES = 64 * 2**10
HEAD_SECONDS = 30.0


class Protocol(HttpToolsProtocol):
    """Refuses a head that is too large, or not there in time after its first byte, and closes the connection.

    A new connection on which nothing comes in that time is closed too; an old one is once it was idle for long, be it
    that blank lines come: some clients send one behind a body, and uvicorn takes the connection for a busy one.
    """

    head_seconds = HEAD_SECONDS
    _head_is_open = True  # its end did not come yet
    _message_is_open = False  # its head began, and its body's end did not come yet
    _head_bytes = 0  # those of the pieces that came before its end, roughly: a piece may begin with another's body
    _head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._start_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        was_open = self._head_is_open
        blank = not self._message_is_open and data.isspace()
        super().data_received(data)
        if blank and not was_open:
            if not self._answering:  # whose end is what uvicorn begins to count at
                self._start_timer(self.timeout_keep_alive)
        elif not self._head_is_open:
            self._stop_timer()
        else:
            self._start_timer(self.head_seconds)
            self._head_bytes += len(data) if was_open else 1
            if self._head_bytes > HEAD_BYTES:
                self._refuse_size()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop_timer()
        self._head_is_open, self._head_bytes = True, 0
        self._message_is_open = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._message_is_open = False

    def on_headers_complete(self) -> None:
        self._head_is_open, self._head_bytes = False, 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._refuse_size()
            raise ValueError  # so that the parser stops
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _refuse_size(self) -> None:
        self._refuse(HeadTooLarge(f"Head: expected at most {HEAD_BYTES} bytes in address and headers, got more."))

    def _expire(self) -> None:
        self._head_timer = None
        if self._answering:  # the next head waits behind an answer
            self._start_timer(self.head_seconds)
        elif self._head_bytes == 0:
            self.transport.close()
        else:
            self._refuse(HeadTooLate(f"Head: expected its end within {self.head_seconds:g} seconds."))

    def _refuse(self, error: UserError) -> None:
        if self.transport.is_closing():
            return
        write_line("request", status=error.status, error=error.sentence)
        body = error.sentence.encode("ascii")
        headers = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[error.status] + headers % len(body) + body)
        self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_timer(self, seconds: float) -> None:
        """One that runs already goes on."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
