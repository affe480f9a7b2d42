"""The region's buckets, for jobs, endpoints and functions: in process, without HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.store import Store


class Missing(Exception):
    """There is no such bucket or object; the message is S3's."""


class Objects:
    """The S3 operations that jobs, endpoints and functions need."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def has_bucket(self, bucket: str) -> bool:
        return any(each.name == bucket for each in self._store.buckets())

    def make_bucket(self, bucket: str) -> None:
        """Create a bucket unless it exists. Raises `ValueError` for a name that S3 does not allow."""
        if not self.has_bucket(bucket):
            try:
                self._store.create_bucket(bucket)
            except S3Error as error:
                raise ValueError(str(error)) from None

    def buckets(self) -> list[str]:
        return [bucket.name for bucket in self._store.buckets()]

    def sizes(self, bucket: str, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Keys that begin with `prefix`, in order, and their sizes. Raises `Missing`."""
        with _missing():
            yield from ((each.key, each.size) for each in self._store.list(bucket, prefix))

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys that begin with `prefix`, in order. Raises `Missing`."""
        return [key for key, _ in self.sizes(bucket, prefix)]

    def has(self, bucket: str, key: str) -> bool:
        try:
            self._store.head(bucket, key)
        except S3Error:
            return False
        return True

    def open(self, bucket: str, key: str) -> BinaryIO:
        """An object as a file to read; close it. Raises `Missing`."""
        with _missing():
            return cast(BinaryIO, self._store.open(bucket, key))

    def read(self, bucket: str, key: str) -> bytes:
        """All bytes of an object. Raises `Missing`."""
        with _missing():
            return self._store.read(bucket, key)

    def link(self, bucket: str, key: str, path: Path) -> None:
        """Hard-link an object's read-only file to `path`, or copy it to another file system. Raises `Missing`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _missing():
            self._store.link(bucket, key, path)

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """Upload a file. Raises `Missing`."""
        with _missing():
            self._store.put_file(bucket, key, path)

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "binary/octet-stream") -> None:
        """Upload bytes. Raises `Missing`."""
        with _missing():
            self._store.put_bytes(bucket, key, data, content_type=content_type)


def split(uri: str) -> tuple[str, str]:
    """The bucket and the key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def joined(uri: str, *parts: str) -> str:
    """A URI below `s3://bucket/prefix`."""
    return "/".join([uri.rstrip("/"), *parts])


def place_below(folder: Path, uri: str, path: str) -> Path:
    """The path of an object below a folder; `path` is the end of its key. Raises `Missing` if it leaves the folder."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/") or "\0" in path:
        raise Missing(f"{uri}: this key cannot be the path of a file below a folder.")
    return folder / path


@contextmanager
def _missing() -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        raise Missing(str(error)) from None
