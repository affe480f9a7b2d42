"""Pages of a bucket's keys, with common prefixes by a delimiter."""

from collections.abc import Iterator
from dataclasses import dataclass
from sqlite3 import Connection

from forecastle.region.s3.entries import OBJECT_COLUMNS, Object, object_of

PAGE = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Page:
    """Objects and common prefixes, each in order; `next` is the least key of the next page, None on the last.

    `last` is the last key or common prefix of this page, which clients of version 1 send as the next marker.
    """

    objects: tuple[Object, ...]
    prefixes: tuple[str, ...]
    next: bytes | None
    last: str | None


def page(
    connection: Connection,
    bucket: str,
    prefix: str = "",
    delimiter: str = "",
    *,
    after: bytes | None = None,
    limit: int = PAGE,
) -> Page:
    """At most `limit` entries whose keys start with `prefix`, from the key `after` (inclusive).

    A common prefix costs one step, however many keys are below it.
    """
    start, mark, end = prefix.encode(), delimiter.encode(), _successor(prefix.encode())
    found: list[Object] = []
    prefixes: list[str] = []
    last: str | None = None
    at = max(start, after or b"")
    while True:
        left = limit - len(found) - len(prefixes)
        if left == 0:
            more = limit and any(_rows(connection, bucket, at, end, 1))
            return Page(tuple(found), tuple(prefixes), at if more else None, last)
        for entry in _rows(connection, bucket, at, end, left):
            key = entry.key.encode()
            cut = key.find(mark, len(start)) if mark else -1
            if cut >= 0:
                last = key[: cut + len(mark)].decode()
                prefixes.append(last)
                at = _successor(key[: cut + len(mark)]) or b""
                break
            found.append(entry)
            last, at = entry.key, key + b"\0"
        else:
            if len(found) + len(prefixes) < limit:
                return Page(tuple(found), tuple(prefixes), None, last)


def after_marker(marker: str, prefix: str, delimiter: str) -> bytes | None:
    """The first key of a page after a marker: a key, or a common prefix, all of whose keys are skipped."""
    if not marker:
        return None
    cut = marker.find(delimiter, len(prefix)) if delimiter and marker.startswith(prefix) else -1
    if 0 <= cut == len(marker) - len(delimiter):
        return _successor(marker.encode())
    return marker.encode() + b"\0"


def _rows(connection: Connection, bucket: str, start: bytes, end: bytes | None, limit: int) -> Iterator[Object]:
    query = f"SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key >= ?"
    values: list[object] = [bucket, start]
    if end is not None:
        query += " AND key < ?"
        values.append(end)
    return (object_of(row) for row in connection.execute(f"{query} ORDER BY key LIMIT ?", [*values, limit]))


def _successor(prefix: bytes) -> bytes | None:
    """The least bytes above all that start with `prefix`, which is UTF-8 and has no byte 255; None if it is empty."""
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else None
