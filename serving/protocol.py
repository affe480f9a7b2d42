"""HTTP on a connection: uvicorn's, with limits on a request's head, for which it has none."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from contract.errors import HeadTooLarge, HeadTooLate, UserError
from serving.log import write_line

HEAD_BYTES = 64 * 2**10
HEAD_SECONDS = 30.0


class Protocol(HttpToolsProtocol):
    """Refuses a head that is too large, or not there in time after its first byte, and closes the connection.

    A new connection on which nothing comes in that time is closed too, and an old one on which nothing but blank lines
    come; an old one on which nothing comes is once it was idle for long.
    """

    head_seconds = HEAD_SECONDS
    _head_is_open = True  # its end did not come yet
    _message_is_open = False  # its head began, and its body's end did not come yet
    _head_bytes = 0  # those of the pieces that came before its end, roughly: a piece may begin with another's body
    _head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_seconds, self._expire)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        was_open = self._head_is_open
        # They may stand before a head, and the parser passes over them; uvicorn takes the connection for a busy one.
        blank = not self._message_is_open and data.isspace()
        super().data_received(data)
        if not self._head_is_open and not blank:
            self._stop_timer()
            return
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._expire)
        if was_open:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse_size()

    def on_message_begin(self) -> None:
        super().on_message_begin()
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
        if self.cycle is not None and not self.cycle.response_complete:  # the next head waits behind an answer
            self._head_timer = self.loop.call_later(self.head_seconds, self._expire)
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

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
