"""The rows of objects and of their pieces."""

from collections.abc import Iterable
from dataclasses import replace
from sqlite3 import Connection

from forecastle.region.s3 import buckets
from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.entries import OBJECT_COLUMNS, Object, Piece, blobs_of, object_of, text_of
from forecastle.region.s3.errors import S3Error


def find(connection: Connection, bucket: str, key: str) -> Object:
    """An object; NoSuchKey, NoSuchBucket."""
    entry = current(connection, bucket, key)
    if entry is None:
        buckets.one(connection, bucket)
        raise S3Error("NoSuchKey", Key=key)
    return entry


def current(connection: Connection, bucket: str, key: str) -> Object | None:
    query = f"SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?"
    row = connection.execute(query, (bucket, key.encode())).fetchone()
    return None if row is None else object_of(row)


def pieces_of(connection: Connection, entry: Object) -> tuple[Piece, ...]:
    query = "SELECT number, blob, start, size, checksum, data FROM pieces WHERE object = ? ORDER BY number"
    return tuple(Piece(*row) for row in connection.execute(query, (entry.id,)))


def replace_with(
    connection: Connection, entry: Object, pieces: Iterable[Piece], conditions: Conditions
) -> tuple[Object, set[str]]:
    """Write an object under the conditions; return it with its id, and the files of the one it replaces."""
    buckets.one(connection, entry.bucket)
    old = current(connection, entry.bucket, entry.key)
    conditions.check_write(entry.key, old)
    doomed = remove(connection, old) if old else set()
    checksum = entry.checksum
    cursor = connection.execute(
        "INSERT INTO objects (bucket, key, size, etag, modified, parts, description, checksum_algorithm, checksum, "
        "checksum_kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.bucket,
            entry.key.encode(),
            entry.size,
            entry.etag,
            entry.modified,
            entry.parts,
            text_of(entry.description),
            checksum.algorithm,
            checksum.value,
            checksum.kind,
        ),
    )
    assert cursor.lastrowid is not None
    rows = [
        (cursor.lastrowid, piece.number, piece.blob, piece.start, piece.size, piece.checksum, piece.data)
        for piece in pieces
    ]
    connection.executemany(
        "INSERT INTO pieces (object, number, blob, start, size, checksum, data) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
    )
    return replace(entry, id=cursor.lastrowid), doomed


def delete(
    connection: Connection, bucket: str, key: str, conditions: Conditions, version: str | None = None
) -> set[str] | None:
    """Delete an object; return its files, None if it did not exist. The only version is `null`."""
    buckets.one(connection, bucket)
    if version not in (None, "", "null"):
        raise S3Error("NoSuchVersion", Key=key, VersionId=version)
    there = current(connection, bucket, key)
    conditions.check_write(key, there)
    return remove(connection, there) if there else None


def remove(connection: Connection, entry: Object) -> set[str]:
    """Delete an object's rows; return its files."""
    doomed = blobs_of(pieces_of(connection, entry))
    connection.execute("DELETE FROM objects WHERE id = ?", (entry.id,))
    return doomed
