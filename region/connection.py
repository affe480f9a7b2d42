"""HTTP on a connection to the region: uvicorn's, with a bounded head that means one thing."""

import re
from asyncio import TimerHandle, Transport
from urllib.parse import urlsplit

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10  # of a request's line, headers and trailers
HEAD_SECONDS = 30.0
END = b"\r\n\r\n"
BLANK = b"\r\n"  # lines that some clients send after a body
# An offer that a server may ignore, RFC 9110, section 7.8: httptools would take what follows for another protocol.
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class Refused(Exception):
    """A head that is too large, that names two hosts, or asks for a tunnel that there is not, with a sentence."""


class Connection(HttpToolsProtocol):
    """Refuses a request whose head is too large, and closes a connection on which it does not come in time.

    A request in absolute form is for the host that it names, whatever its Host says: RFC 9112, section 3.2.2.
    """

    _head = b""  # what has come of the next request's
    _awaits_head = True
    _open_bytes = 0  # of a head that came with the end of the request before
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
        if not self._awaits_head:
            self._parse(data)
            return
        self._head = (self._head + data).lstrip(BLANK)
        end = self._head.find(END)
        if (len(self._head) if end < 0 else end) > HEAD_BYTES:
            self._refuse_head()
        elif end >= 0:
            data, self._head = self._head, b""
            self._stop_timer()
            self.head_received(data, end)
        elif self._head:
            self._unset_keepalive_if_required()
            self._start_timer()

    def head_received(self, data: bytes, end: int) -> None:
        """Parse a request whose head, which ends at `end`, is there."""
        self._parse(UPGRADE.sub(b"", data[:end]) + data[end:])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._awaits_head, self._open_bytes = False, 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._open_bytes = HEAD_BYTES + 1
            raise Refused
        self._open_bytes = -1
        if not self.url.startswith((b"/", b"*")):
            named = urlsplit(self.url.decode("latin-1")).netloc.encode("latin-1")
            self.headers[:] = [(b"host", named), *(each for each in self.headers if each[0] != b"host")]
        if sum(name == b"host" for name, _ in self.headers) > 1:
            raise Refused
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._awaits_head = True

    def send_400_response(self, msg: str) -> None:
        """Refuse what was read, and read no more."""
        self._refused = True
        self._stop_timer()
        if self.cycle is not None and not self.cycle.response_complete:  # this one would break into its response
            self.transport.abort()
        elif self._open_bytes > HEAD_BYTES:
            self._refuse_head()
        else:
            self.write_refusal("400 Bad Request", msg)

    def write_refusal(self, status: str, sentence: str) -> None:
        """Answer with a sentence, and close the connection."""
        self._refused = True
        body = sentence.encode() + b"\n"
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.transport.close()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self._open_bytes >= 0 and not self._awaits_head:
            self._open_bytes += len(data)
            if self._open_bytes > HEAD_BYTES and not self._refused:
                self.send_400_response("")

    def _refuse_head(self) -> None:
        self.write_refusal("431 Request Header Fields Too Large", f"The headers are larger than {HEAD_BYTES} bytes.")

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()
