"""Copies within a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from forecastle.region.s3.blobs import STEP, Blob
from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.contents import Contents
from forecastle.region.s3.entries import Description, Object
from forecastle.region.s3.store import ANYHOW, Store


def copy(
    store: Store,
    contents: Contents,
    bucket: str,
    key: str,
    *,
    description: Description | None = None,
    algorithm: str | None = None,
    conditions: Conditions = ANYHOW,
) -> Object:
    """Copy an object, with another description or algorithm if these are given.

    The file of an object is hard-linked. An object uploaded in parts is read and written, as the ETag of its copy is
    that of its bytes.
    """
    source = contents.entry
    store.check_write(bucket, key, conditions)
    algorithm = algorithm or source.checksum.algorithm
    if source.parts == 0 and algorithm == source.checksum.algorithm:
        [piece] = contents.pieces
        name = store.blobs.link(piece.blob) if piece.data is None else ""
        blob = Blob(name, source.size, source.etag, source.checksum.value, piece.data)
    else:
        blob = copy_bytes(store, contents, 0, source.size, algorithm)
    with kept(store, blob):
        return store.put_blob(bucket, key, blob, algorithm, description or source.description, conditions)


def copy_bytes(store: Store, contents: Contents, start: int, end: int, algorithm: str) -> Blob:
    """A new file of an object's bytes from `start` to `end` (excluded)."""
    incoming = store.blobs.create(algorithm)
    try:
        contents.seek(start)
        while contents.tell() < end:
            incoming.write(contents.read(min(STEP, end - contents.tell())))
        return incoming.seal()
    except BaseException:
        incoming.discard()
        raise


@contextmanager
def kept(store: Store, blob: Blob) -> Iterator[None]:
    """A block that uses a new file; if it fails, the file is removed."""
    try:
        yield
    except BaseException:
        store.blobs.remove({blob.name} - {""})
        raise


def described_as(entry: Object, metadata: Description | None, tags: dict[str, str] | None) -> Description:
    """The description of a copy: the source's, except for what the client replaces."""
    description = entry.description if metadata is None else replace(metadata, tags=entry.description.tags)
    return description if tags is None else replace(description, tags=tags)
