"""Multipart uploads: a file for each part; the completed object consists of these files."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from sqlite3 import Connection

from forecastle.region.s3 import buckets, checksums, objects
from forecastle.region.s3.blobs import Blob
from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.entries import (
    UPLOAD_COLUMNS,
    Description,
    Object,
    Part,
    Piece,
    Upload,
    blobs_of,
    text_of,
    upload_of,
)
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.names import check_key
from forecastle.region.s3.store import ANYHOW, Store

SMALLEST_PART = 5 << 20  # bytes of each but the last
LARGEST_OBJECT = 5 << 40  # bytes
MOST_PARTS = 10_000

_PARTS = "SELECT number, blob, size, etag, checksum, modified, data FROM parts WHERE upload = ?"


@dataclass(frozen=True, slots=True)
class Named:
    """A part in a CompleteMultipartUpload, with a checksum if the client sends one."""

    number: int
    etag: str
    checksum: str | None = None


def begin(
    store: Store, bucket: str, key: str, description: Description, algorithm: str, kind: str, *, asked: bool
) -> Upload:
    """Create an upload."""
    check_key(key)
    upload = Upload(secrets.token_urlsafe(48), bucket, key, store.clock(), description, algorithm, kind, asked)
    with store.database.write() as connection:
        buckets.one(connection, bucket)
        connection.execute(
            f"INSERT INTO uploads ({UPLOAD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (upload.id, bucket, key.encode(), upload.created, text_of(description), algorithm, kind, asked),
        )
    return upload


def find(store: Store, bucket: str, key: str, upload: str) -> Upload:
    """An unfinished upload; NoSuchUpload, NoSuchBucket."""
    with store.database.read() as connection:
        return _find(connection, bucket, key, upload)


def put_part(store: Store, upload: Upload, number: int, blob: Blob) -> Part:
    """Add a part or replace the one with its number; NoSuchUpload if the upload has ended meanwhile."""
    part = Part(number, blob.name, blob.size, blob.md5, blob.checksum, store.clock(), blob.data)
    with store.database.write() as connection:
        _find(connection, upload.bucket, upload.key, upload.id)
        query = "SELECT blob FROM parts WHERE upload = ? AND number = ?"
        doomed = {name for (name,) in connection.execute(query, (upload.id, number)) if name}
        connection.execute(
            "INSERT OR REPLACE INTO parts (upload, number, blob, size, etag, checksum, modified, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (upload.id, *astuple(part)),
        )
    store.blobs.remove(doomed)
    return part


def parts(store: Store, upload: Upload, after: int = 0, limit: int = MOST_PARTS) -> Sequence[Part]:
    """At most `limit` parts with numbers above `after`, in order."""
    with store.database.read() as connection:
        query = f"{_PARTS} AND number > ? ORDER BY number LIMIT ?"
        return [Part(*row) for row in connection.execute(query, (upload.id, after, limit))]


def uploads(store: Store, bucket: str, prefix: str, key_marker: str, id_marker: str) -> Sequence[Upload]:
    """The uploads of a bucket after the markers, sorted by key and time of creation."""
    with store.database.read() as connection:
        buckets.one(connection, bucket)
        query = f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE bucket = ? ORDER BY key, created, id"
        found = [upload_of(row) for row in connection.execute(query, (bucket,))]
    matching = [upload for upload in found if upload.key.startswith(prefix)]
    passed = [number for number, upload in enumerate(matching) if (upload.key, upload.id) == (key_marker, id_marker)]
    if passed:
        return matching[passed[0] + 1 :]
    if id_marker or not key_marker:
        return matching
    return [
        upload
        for upload in matching
        if upload.key > key_marker and not (key_marker.startswith(prefix) and upload.key.startswith(key_marker))
    ]


def abort(store: Store, bucket: str, key: str, upload: str) -> None:
    with store.database.write() as connection:
        found = _find(connection, bucket, key, upload)
        doomed = blobs_of(_parts(connection, found))
        connection.execute("DELETE FROM uploads WHERE id = ?", (found.id,))
    store.blobs.remove(doomed)


def complete(
    store: Store,
    upload: Upload,
    named: Sequence[Named],
    *,
    checksum: str | None = None,
    size: int | None = None,
    conditions: Conditions = ANYHOW,
) -> Object:
    """Make an object of the named parts, and delete the others; refuse a different checksum or size."""
    with store.database.write() as connection:
        _find(connection, upload.bucket, upload.key, upload.id)
        there = {part.number: part for part in _parts(connection, upload)}
        chosen = _chosen(upload, named, there)
        entry = _object_of(store, upload, chosen)
        if checksum is not None and checksum != entry.checksum.value:
            raise S3Error("BadDigest", f"The {upload.algorithm} you specified did not match the calculated checksum.")
        if size is not None and size != entry.size:
            sentence = f"The provided 'x-amz-mp-object-size' header value {size} does not match what was computed"
            raise S3Error("InvalidRequest", f"{sentence}: {entry.size}")
        pieces = [Piece(part.number, part.blob, 0, part.size, part.checksum, part.data) for part in chosen]
        entry, doomed = objects.replace_with(connection, entry, pieces, conditions)
        connection.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))
    unused = blobs_of(there.values()) - blobs_of(chosen)
    store.blobs.remove(doomed | unused)
    return entry


def _chosen(upload: Upload, named: Sequence[Named], there: dict[int, Part]) -> Sequence[Part]:
    if any(one.number >= other.number for one, other in pairwise(named)):
        raise S3Error("InvalidPartOrder", UploadId=upload.id)
    chosen = []
    for one in named:
        part = there.get(one.number)
        if part is None or part.etag != one.etag or one.checksum not in (None, part.checksum):
            raise S3Error("InvalidPart", UploadId=upload.id, PartNumber=one.number, ETag=one.etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=part.size,
                MinSizeAllowed=SMALLEST_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return chosen


def _object_of(store: Store, upload: Upload, chosen: Sequence[Part]) -> Object:
    size = sum(part.size for part in chosen)
    if size > LARGEST_OBJECT:
        raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=LARGEST_OBJECT)
    digests = b"".join(bytes.fromhex(part.etag) for part in chosen)
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(chosen)}"
    checksum = checksums.of_parts(upload.algorithm, upload.kind, [(part.checksum, part.size) for part in chosen])
    return Object(0, upload.bucket, upload.key, size, etag, store.clock(), len(chosen), upload.description, checksum)


def _find(connection: Connection, bucket: str, key: str, upload: str) -> Upload:
    query = f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE id = ? AND bucket = ? AND key = ?"
    row = connection.execute(query, (upload, bucket, key.encode())).fetchone()
    if row is None:
        buckets.one(connection, bucket)
        raise S3Error("NoSuchUpload", UploadId=upload)
    return upload_of(row)


def _parts(connection: Connection, upload: Upload) -> Iterable[Part]:
    return [Part(*row) for row in connection.execute(_PARTS, (upload.id,))]
