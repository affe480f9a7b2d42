"""aws-chunked bodies: chunks with or without signatures, and trailers."""

import re

from forecastle.region.s3.errors import S3Error

LONGEST_LINE = 16 << 10  # bytes of a chunk's head or of a trailer
MOST_TRAILERS = 100
SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")  # what int() takes besides, such as 0x3 or 1_0, other servers do not


class Unchunker:
    """Removes the framing from a body piece by piece. Signatures of chunks are not checked."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self.ended = False
        self._left = 0  # missing bytes of the current chunk, including its line end
        self._line = b""
        self._in_trailers = False
        self._taken = 0  # trailers

    def feed(self, data: bytes) -> list[bytes]:
        """The payload in the next bytes of a body."""
        payload: list[bytes] = []
        at = 0
        while at < len(data) and not self.ended:
            if self._left > 2:
                taken = data[at : at + self._left - 2]
                payload.append(taken)
                at, self._left = at + len(taken), self._left - len(taken)
            elif self._left:
                if data[at] != b"\r\n"[2 - self._left]:
                    raise _broken()
                at, self._left = at + 1, self._left - 1
            else:
                at = self._read_line(data, at)
        if self.ended and data[at:].strip(b"\r\n"):
            raise _broken()
        return payload

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        self._line += data[at:stop]
        if len(self._line) > LONGEST_LINE:
            raise _broken()
        if end >= 0:
            line, self._line = self._line.rstrip(b"\r\n"), b""
            if self._in_trailers:
                self._take_trailer(line)
            else:
                self._start_chunk(line)
        return stop

    def _start_chunk(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        if not SIZE.fullmatch(digits):
            raise _broken()
        size = int(digits, 16)
        self._in_trailers = size == 0
        self._left = size and size + 2

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.ended = True
            return
        name, _, value = line.decode("latin-1").partition(":")
        self.trailers[name.strip().lower()] = value.strip()
        self._taken += 1
        if self._taken > MOST_TRAILERS:
            raise _broken()


def _broken() -> S3Error:
    return S3Error("IncompleteBody", "The request body is not framed as aws-chunked")
