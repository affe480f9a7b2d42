"""Receiving a body into a file of the store."""

from collections.abc import Callable
from typing import TypeVar

from forecastle.region.s3.blobs import Blob, Blobs, Incoming
from forecastle.region.s3.body import Body, Integrity
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.service import Service

T = TypeVar("T")


async def receive(service: Service, body: Body, integrity: Integrity, algorithm: str, finish: Callable[[Blob], T]) -> T:
    """Write a body to a file and call `finish` with it, in threads; the last write and `finish` share one call.

    The file's checksum is by `algorithm`, whichever the client sent. The file is removed if the body does not match the
    client's digests, or if `finish` refuses it.
    """
    transfer = _Transfer(service.store.blobs, body, integrity, algorithm)
    try:
        async for data, last in body.batches(integrity):
            if last:
                return await service.run(transfer.end, data, finish)
            await service.run(transfer.write, data)
        raise S3Error("IncompleteBody")
    except BaseException:
        transfer.discard()
        raise


class _Transfer:
    def __init__(self, blobs: Blobs, body: Body, integrity: Integrity, algorithm: str) -> None:
        self.blobs, self.body, self.integrity, self.algorithm = blobs, body, integrity, algorithm
        self.payload = integrity.payload_digest()
        self.incoming: Incoming | None = None

    def write(self, data: bytes) -> Incoming:
        if self.incoming is None:
            self.incoming = self.blobs.create(self.algorithm, [self.integrity.algorithm])
        self.incoming.write(data)
        if self.payload:
            self.payload.update(data)
        return self.incoming

    def end(self, data: bytes, finish: Callable[[Blob], T]) -> T:
        incoming = self.write(data)
        self.incoming = None  # from here on, the file belongs to this thread, even if the request is cancelled
        try:
            sha256 = self.payload.digest().hex() if self.payload else None
            checksum = incoming.checksum(self.integrity.algorithm)
            self.integrity.check(incoming.md5(), checksum, sha256, self.body.trailers)
            return finish(incoming.seal())
        except BaseException:
            incoming.discard()
            raise

    def discard(self) -> None:
        if self.incoming is not None:
            self.incoming.discard()
