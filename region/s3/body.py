"""The body of a request: its bytes, and their integrity."""

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forecastle.region.s3 import checksums
from forecastle.region.s3.blobs import STEP
from forecastle.region.s3.checksums import ALGORITHMS, DEFAULT, Digest
from forecastle.region.s3.chunked import Unchunker
from forecastle.region.s3.errors import S3Error

Receive = Callable[[], Awaitable[Any]]

LARGEST_DOCUMENT = 4 << 20  # bytes of an XML body; 10,000 parts with their checksums are 2 MB
LARGEST_OBJECT = 5 << 30  # bytes that one request may upload


class Disconnected(Exception):
    """The client closed the connection before it had sent the body."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Integrity:
    """The digests and the length that the client sends with a body.

    Attributes
    ----------
    algorithm : of the checksum to compute: the client's, or S3's default if `asked` is false.
    value : the checksum in base64, if it was sent in a header.
    trailer : the header's name if the checksum follows the body.
    md5, sha256 : of the bytes, if they were sent.
    length : the size of the payload, without the framing of aws-chunked; None if it was not sent.
    """

    algorithm: str
    asked: bool
    value: str | None
    trailer: str | None
    md5: bytes | None
    sha256: str | None
    chunked: bool
    length: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Integrity":
        payload = headers.get("x-amz-content-sha256", "")
        chunked = payload.startswith("STREAMING-") or "aws-chunked" in headers.get("content-encoding", "")
        algorithm, value, trailer = _checksum(headers)
        return cls(
            algorithm or DEFAULT,
            algorithm is not None,
            value,
            trailer,
            _md5(headers.get("content-md5")),
            payload.lower() if len(payload) == 64 else None,
            chunked,
            _length(headers, chunked),
        )

    @property
    def given(self) -> bool:
        """Whether the client sent any digest, which DeleteObjects requires."""
        return self.md5 is not None or self.value is not None or self.trailer is not None

    def check(self, md5: bytes, checksum: str, sha256: str | None, trailers: Mapping[str, str]) -> None:
        """Refuse a body whose digests differ from those that the client sent."""
        if self.md5 is not None and self.md5 != md5:
            raise S3Error(
                "BadDigest",
                ExpectedDigest=base64.b64encode(self.md5).decode(),
                CalculatedDigest=base64.b64encode(md5).decode(),
            )
        value = self.value
        if self.trailer is not None:
            value = trailers.get(self.trailer)
            if value is None:
                raise S3Error("IncompleteBody", f"The request body lacks the trailer {self.trailer}")
            checksums.check_value(self.algorithm, value)
        if value is not None and value != checksum:
            raise S3Error("BadDigest", f"The {self.algorithm} you specified did not match the calculated checksum.")
        if self.sha256 is not None and self.sha256 != sha256:
            raise S3Error(
                "XAmzContentSHA256Mismatch", ClientComputedContentSHA256=self.sha256, S3ComputedContentSHA256=sha256
            )

    def payload_digest(self) -> Digest | None:
        """A SHA-256 object, if the client sent that digest."""
        return hashlib.sha256() if self.sha256 is not None else None


class Body:
    """The bytes of a request, without the framing of aws-chunked."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.trailers: Mapping[str, str] = {}
        self._receive = receive
        self._asked = False
        self._ended = False

    async def batches(self, integrity: Integrity) -> AsyncIterator[tuple[bytes, bool]]:
        """The payload in batches of about STEP bytes, each with whether it is the last."""
        unchunker = Unchunker() if integrity.chunked else None
        pieces: list[bytes] = []
        size = total = 0
        if (integrity.length or 0) > LARGEST_OBJECT:
            raise S3Error("EntityTooLarge", ProposedSize=integrity.length, MaxSizeAllowed=LARGEST_OBJECT)
        while True:
            data, more = await self._next()
            for piece in unchunker.feed(data) if unchunker else [data]:
                pieces.append(piece)
                size, total = size + len(piece), total + len(piece)
            if total > LARGEST_OBJECT:
                raise S3Error("EntityTooLarge", ProposedSize=total, MaxSizeAllowed=LARGEST_OBJECT)
            if not more:
                break
            if size >= STEP:
                yield b"".join(pieces), False
                pieces, size = [], 0
        if unchunker:
            self.trailers = unchunker.trailers
        if integrity.length not in (None, total) or (unchunker and not unchunker.ended):
            raise S3Error("IncompleteBody")
        yield b"".join(pieces), True

    async def document(self, integrity: Integrity | None = None) -> bytes:
        """The whole body, checked."""
        integrity = integrity or Integrity.of(self.headers)
        data = b""
        async for some, _ in self.batches(integrity):
            data += some
            if len(data) > LARGEST_DOCUMENT:
                raise S3Error("MalformedXML")
        checksum = ALGORITHMS[integrity.algorithm]()
        checksum.update(data)
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        integrity.check(md5, checksums.text_of(checksum.digest()), hashlib.sha256(data).hexdigest(), self.trailers)
        return data

    @property
    def awaited(self) -> bool:
        """Whether the client still waits for `100 Continue` before it sends the body."""
        return "expect" in self.headers and not self._asked

    async def drain(self, most: int) -> None:
        """Read the rest, up to a limit, so that a client that is still sending reads the response."""
        while most > 0 and not self._ended:
            data, _ = await self._next()
            most -= len(data)

    async def _next(self) -> tuple[bytes, bool]:
        if self._ended:
            return b"", False
        self._asked = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise Disconnected
        self._ended = not message.get("more_body", False)
        return message.get("body", b""), not self._ended


def _checksum(headers: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """Algorithm, value and trailer, each None if the client did not send it."""
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer.startswith("x-amz-checksum-"):
        return checksums.check_algorithm(trailer.removeprefix("x-amz-checksum-"), "x-amz-trailer"), None, trailer
    sent = [name for name in ALGORITHMS if f"x-amz-checksum-{name.lower()}" in headers]
    if len(sent) > 1:
        sentence = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise S3Error("InvalidRequest", sentence)
    if sent:
        value = checksums.check_value(sent[0], headers[f"x-amz-checksum-{sent[0].lower()}"])
        return sent[0], value, None
    header = "x-amz-sdk-checksum-algorithm"
    return (checksums.check_algorithm(headers[header], header), None, None) if header in headers else (None, None, None)


def _md5(header: str | None) -> bytes | None:
    if header is None:
        return None
    try:
        digest = base64.b64decode(header, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", **{"Content-MD5": header})
    return digest


def _length(headers: Mapping[str, str], chunked: bool) -> int | None:
    text = headers.get("x-amz-decoded-content-length" if chunked else "content-length")
    if text is not None and not (text.isascii() and text.isdigit()):
        raise S3Error("InvalidArgument", ArgumentName="content-length", ArgumentValue=text)
    return None if text is None else int(text)
