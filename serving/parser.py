"""The HTTP/1.1 parser of a connection: httptools' parser with limits and without upgrades."""

from typing import NoReturn, Protocol

import httptools

from forecastle.contract.errors import HeadTooLarge, MethodNotAllowed, TrailersTooLarge, UserError
from forecastle.contract.place import Source

HEAD = (Source("Head"),)
HEAD_BYTES = 64 * 2**10
TRAILER_BYTES = 64 * 2**10

# Until a head is complete, its colons and line ends count as well; half of the limit is allowed for them.
_OPEN_HEAD_BYTES = HEAD_BYTES + HEAD_BYTES // 2
# httptools does not report where in a piece a head ends, so what follows it in the same piece is not counted.
_SMALL_BYTES = 4 * 2**10
_PIECE_BYTES = 16 * 2**10
_CHUNK_BYTES = 20  # of framing allowed for each chunk: its size in 16 digits, and two line ends
_HEAD_END = b"\r\n\r\n"
_UPGRADE = b"upgrade"


class Listener(Protocol):
    """Receives the parts of each request; `url` and `headers` are those of the head that is being read."""

    url: bytes
    headers: list[tuple[bytes, bytes]]

    @property
    def is_full(self) -> bool: ...

    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...


class Parser:
    """Replaces an `httptools.HttpRequestParser`, and calls `listener` for the parts of each request.

    - An offer to upgrade is ignored, as RFC 9110, section 7.8, allows: httptools would assume that the request has no
      body and that another protocol follows. The head is parsed again without the offer.
    - Heads are limited in size, and so is everything that is neither head nor body: trailers, chunk extensions, blank
      lines.
    - Trailers are dropped; httptools would report them as headers.
    - CONNECT is refused, because what follows it is not HTTP.

    Attributes
    ----------
    head_is_open : whether a head is incomplete; true before the first one.
    message_is_open : whether a request is incomplete.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.on_url, self.on_header = listener.on_url, listener.on_header
        self.head_is_open = True
        self.message_is_open = False
        self._head_bytes = 0
        self._other_bytes = 0  # since the last head: bytes that were neither head nor body
        self._body_bytes = self._chunks = 0  # in the piece that is being parsed
        self._head_ended = False  # in that piece
        self._offered_upgrade = False
        self._error: UserError | None = None
        self._renew()

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)  # or the previous request would be lost

    def close(self) -> None:
        """Break the reference cycle with the listener, so that the garbage collector does not have to."""
        del self._parser, self._listener, self.on_url, self.on_header

    def feed_data(self, data: bytes) -> bytes:
        """Parse `data`, and return what is left to be fed once the listener is no longer full.

        Raises `httptools.HttpParserError` if it is not HTTP, and a `UserError` beyond a limit.
        """
        if len(data) <= _SMALL_BYTES:
            self._feed(data)
            return b""
        view, at = memoryview(data), 0
        while at < len(data) and not self._listener.is_full:
            end = at + _PIECE_BYTES
            if self.head_is_open or not self.message_is_open:  # split after a head, so that what follows is counted
                found = data.find(_HEAD_END, at, end)
                end = end if found < 0 else found + len(_HEAD_END)
            self._feed(view[at:end])
            at = end
        return data[at:]

    def get_http_version(self) -> str:
        return self._parser.get_http_version()

    def get_method(self) -> bytes:
        return self._parser.get_method()

    def should_keep_alive(self) -> bool:
        return self._parser.should_keep_alive()

    def should_upgrade(self) -> bool:
        return False

    def _feed(self, piece: bytes | memoryview) -> None:
        self._body_bytes = self._chunks = 0
        self._head_ended = False
        rest = piece
        try:
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            if self._error is not None:
                raise self._error from None
            raise
        self._count(len(piece))

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """Parse `data`, or up to the end of a head that offers an upgrade; returns the rest."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            head = self._head_without_offer()
            self._renew()
            self._parser.feed_data(head)
            return rest
        return b""

    def _head_without_offer(self) -> bytes:
        version = self._parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._listener.url, version)]
        lines += [b"%b: %b" % header for header in self._listener.headers if header[0].lower() != _UPGRADE]
        return b"\r\n".join(lines) + _HEAD_END

    def _count(self, size: int) -> None:
        if self._head_ended:
            self._other_bytes = 0
        if self.head_is_open and self.message_is_open:
            self._head_bytes += size - self._body_bytes
            if self._head_bytes > _OPEN_HEAD_BYTES:
                raise _head_too_large()
        elif not self._head_ended:
            self._other_bytes += max(0, size - self._body_bytes - self._chunks * _CHUNK_BYTES)
            if self._other_bytes > TRAILER_BYTES:
                raise TrailersTooLarge(
                    place=(Source("Request"),),
                    expected=f"at most {TRAILER_BYTES} bytes of trailers, chunk extensions and blank lines",
                    got="more",
                )

    def _stop(self, error: UserError) -> NoReturn:
        """Stop the parser from within a callback, and record the reason."""
        self._error = error
        raise error

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        self.head_is_open = self.message_is_open = True
        self._head_bytes = 0
        self._listener.on_message_begin()

    def on_headers_complete(self) -> None:
        if self._parser.get_method() == b"CONNECT":
            expected = "GET, HEAD or POST: this server is not a proxy"
            self._stop(MethodNotAllowed(place=(Source("CONNECT"),), expected=expected))
        listener = self._listener
        if len(listener.url) + sum(len(name) + len(value) for name, value in listener.headers) > HEAD_BYTES:
            self._stop(_head_too_large())
        self._offered_upgrade = self._parser.should_upgrade()
        if not self._offered_upgrade:
            listener.on_headers_complete()
            listener.headers = []  # collects the trailers, and is never read
            self.head_is_open = False
            self._head_bytes = 0
            self._head_ended = True

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._listener.on_body(body)

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if not self._offered_upgrade:
            self.message_is_open = False
            self._listener.on_message_complete()


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(place=HEAD, expected=f"at most {HEAD_BYTES} bytes in address and headers", got="more")
