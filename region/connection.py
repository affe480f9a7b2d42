"""HTTP on a connection to the region: uvicorn's, with a bounded head."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10  # of a request's line, headers and trailers
HEAD_SECONDS = 30.0


class HeadTooLarge(Exception):
    """A request's headers are larger than a client of AWS's sends."""


class Connection(HttpToolsProtocol):
    """Refuses a request whose head is too large, and closes a connection on which it does not come in time."""

    _head_bytes = 0
    _in_head = True
    _refused = False
    _timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._in_head and not self._refused:  # httptools reports a header once it is complete
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._start_timer()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if not self._in_head:
            self._head_bytes += len(name) + len(value)
            self._check_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self._stop_timer()
        self._check_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what was read, and read no more."""
        self._refused = True
        self._stop_timer()
        if self._is_answering:  # whose response this one would break into
            self.transport.abort()
        elif self._head_bytes > HEAD_BYTES:
            self.write_refusal(
                "431 Request Header Fields Too Large", f"The headers are larger than {HEAD_BYTES} bytes."
            )
        else:
            self.write_refusal("400 Bad Request", msg)

    def write_refusal(self, status: str, sentence: str) -> None:
        """Answer with a sentence, and close the connection."""
        body = sentence.encode() + b"\n"
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _check_head(self) -> None:
        if self._head_bytes > HEAD_BYTES:
            raise HeadTooLarge

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if not self._is_answering and not self.transport.is_closing():
            self.transport.close()
