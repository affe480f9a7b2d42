"""A store of buckets and objects in a folder, for the S3 server and the rest of the region."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from pathlib import Path

from forecastle.region.s3 import buckets, listing, objects
from forecastle.region.s3.blobs import STEP, Blob, Blobs, Incoming, place
from forecastle.region.s3.checksums import DEFAULT, Checksum
from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.contents import Contents
from forecastle.region.s3.database import Database
from forecastle.region.s3.entries import Bucket, Description, Object, Piece, blobs_of, text_of
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.names import check_bucket_name, check_key

ANYHOW = Conditions()
PLAIN = Description()


class Store:
    """Buckets and objects, in files and SQLite below `folder`. Threads may share it, processes may not.

    Changes are on the disk when a method returns. Methods raise `S3Error`, with S3's codes.

    Parameters
    ----------
    folder : created if it does not exist, for its owner only.
    clock : seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clock = clock
        self.database = Database(folder / "s3.db")
        self.blobs = Blobs(folder / "data")
        with self.database.read() as connection:
            known = connection.execute("SELECT blob FROM pieces UNION SELECT blob FROM parts")
            self.blobs.sweep({blob for (blob,) in known})

    def close(self) -> None:
        self.database.close()

    def buckets(self) -> tuple[Bucket, ...]:
        """All buckets, by name."""
        with self.database.read() as connection:
            return buckets.every(connection)

    def bucket(self, name: str) -> Bucket:
        """A bucket, or NoSuchBucket."""
        with self.database.read() as connection:
            return buckets.one(connection, name)

    def create_bucket(self, name: str, region: str = "us-east-1") -> Bucket:
        """A new bucket; BucketAlreadyOwnedByYou if it exists, InvalidBucketName for a name that AWS refuses."""
        check_bucket_name(name)
        with self.database.write() as connection:
            return buckets.create(connection, name, self.clock(), region)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket and its uploads; BucketNotEmpty where it is not empty."""
        with self.database.write() as connection:
            doomed = buckets.delete(connection, name)
        self.blobs.remove(doomed)

    def put_file(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> Object:
        """Upload a file."""
        with open(path, "rb") as file:
            return self.put(bucket, key, iter(lambda: file.read(STEP), b""), _described(content_type, metadata))

    def put_bytes(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> Object:
        return self.put(bucket, key, [data], _described(content_type, metadata))

    def put(self, bucket: str, key: str, data: Iterable[bytes], description: Description = PLAIN) -> Object:
        """Upload bytes piece by piece; the object appears when it is complete."""
        self.check_write(bucket, key)
        incoming = self.blobs.create(DEFAULT)
        try:
            for some in data:
                incoming.write(some)
            return self.commit(bucket, key, incoming, description)
        except BaseException:
            incoming.discard()
            raise

    def check_write(self, bucket: str, key: str, conditions: Conditions = ANYHOW) -> None:
        """Check early what `commit` checks."""
        check_key(key)
        with self.database.read() as connection:
            buckets.one(connection, bucket)
            conditions.check_write(key, objects.current(connection, bucket, key))

    def commit(
        self, bucket: str, key: str, incoming: Incoming, description: Description, conditions: Conditions = ANYHOW
    ) -> Object:
        """Make an object of received bytes, replacing any other with that key."""
        return self.put_blob(bucket, key, incoming.seal(), incoming.algorithm, description, conditions)

    def put_blob(
        self,
        bucket: str,
        key: str,
        blob: Blob,
        algorithm: str,
        description: Description,
        conditions: Conditions = ANYHOW,
    ) -> Object:
        """Make an object of one file of the store."""
        entry = Object(
            0, bucket, key, blob.size, blob.md5, self.clock(), 0, description, Checksum(algorithm, blob.checksum)
        )
        piece = Piece(1, blob.name, 0, blob.size, "", blob.data)
        with self.database.write() as connection:
            entry, doomed = objects.replace_with(connection, entry, [piece], conditions)
        self.blobs.remove(doomed)
        return entry

    def head(self, bucket: str, key: str) -> Object:
        """An object without its bytes; NoSuchKey, NoSuchBucket."""
        with self.database.read() as connection:
            return objects.find(connection, bucket, key)

    def open(self, bucket: str, key: str) -> Contents:
        """An object as a readable, seekable file, to be closed."""
        with self.blobs.lookup(), self.database.read() as connection:
            entry = objects.find(connection, bucket, key)
            pieces = objects.pieces_of(connection, entry)
            self.blobs.hold(blobs_of(pieces))
        return Contents(entry, pieces, self.blobs)

    def read(self, bucket: str, key: str) -> bytes:
        """All bytes of an object."""
        with self.open(bucket, key) as contents:
            return contents.readall()

    def list(self, bucket: str, prefix: str = "") -> Iterator[Object]:
        """The objects whose keys start with `prefix`, sorted by key; each page is read when it is reached."""
        after: bytes | None = None
        while True:
            page = self.page(bucket, prefix, "", after, listing.PAGE)
            yield from page.objects
            if page.next is None:
                return
            after = page.next

    def page(self, bucket: str, prefix: str, delimiter: str, after: bytes | None, limit: int) -> listing.Page:
        """One page of a listing; see `listing.page`."""
        with self.database.read() as connection:
            buckets.one(connection, bucket)
            return listing.page(connection, bucket, prefix, delimiter, after=after, limit=limit)

    def link(self, bucket: str, key: str, target: Path) -> Object:
        """Hard-link an object's file to `target`, or copy it.

        It is copied to another file system, or if it is small. The file is read-only and shares its bytes with the
        object: writing to it in spite of that changes the object. The files of an object uploaded in parts are joined
        first, once. FileExistsError if `target` exists.
        """
        with self.open(bucket, key) as contents:
            pieces, whole = contents.pieces, contents.pieces[0].blob
            if contents.in_memory:
                with open(target, "xb") as file:
                    os.fchmod(file.fileno(), 0o444)
                    file.write(contents.readall())
            elif any(piece.blob != whole for piece in pieces):
                whole = self._join(contents)
                try:
                    place(self.blobs.path(whole), target)
                finally:
                    self.blobs.release({whole})
            else:
                place(self.blobs.path(whole), target)
            return contents.entry

    def delete(self, bucket: str, key: str, conditions: Conditions = ANYHOW) -> bool:
        """Delete an object; return whether it existed."""
        with self.database.write() as connection:
            doomed = objects.delete(connection, bucket, key, conditions)
        self.blobs.remove(doomed or ())
        return doomed is not None

    def delete_many(self, bucket: str, asked: Iterable[tuple[str, str | None, str | None]]) -> Sequence[S3Error | None]:
        """Delete several objects by key, expected ETag and version; return an error or None for each."""
        errors: MutableSequence[S3Error | None] = []
        doomed: set[str] = set()
        with self.database.write() as connection:
            buckets.one(connection, bucket)
            for key, etag, version in asked:
                try:
                    doomed |= objects.delete(connection, bucket, key, Conditions(if_match=etag), version) or set()
                    errors.append(None)
                except S3Error as error:
                    errors.append(error)
        self.blobs.remove(doomed)
        return errors

    def describe(self, entry: Object, description: Description) -> None:
        """Change an object's description, such as its tags; NoSuchKey if it was replaced or deleted."""
        with self.database.write() as connection:
            changed = connection.execute(
                "UPDATE objects SET description = ? WHERE id = ?", (text_of(description), entry.id)
            )
            if not changed.rowcount:
                raise S3Error("NoSuchKey", Key=entry.key)

    def _join(self, contents: Contents) -> str:
        """Join the pieces of an object into one file, which is held and replaces them."""
        joined = self.blobs.join(contents.pieces)
        with self.blobs.lookup():
            self.blobs.hold({joined})
        start = 0
        with self.database.write() as connection:
            there = objects.pieces_of(connection, contents.entry)
            doomed = blobs_of(there) if there else {joined}  # it has been replaced or deleted meanwhile
            for piece in contents.pieces:
                connection.execute(
                    "UPDATE pieces SET blob = ?, start = ?, data = NULL WHERE object = ? AND number = ?",
                    (joined, start, contents.entry.id, piece.number),
                )
                start += piece.size
        self.blobs.remove(doomed)
        return joined


def _described(content_type: str, metadata: Mapping[str, str] | None) -> Description:
    return Description({"content-type": content_type}, metadata or {})
