"""The SQLite database of a store: everything but the bytes of its larger objects."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock

VERSION = 1  # of the schema
SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created REAL NOT NULL, region TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (              -- documents of PutBucketTagging and similar
    bucket TEXT NOT NULL REFERENCES buckets ON DELETE CASCADE, name TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL REFERENCES buckets, key BLOB NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified REAL NOT NULL, parts INTEGER NOT NULL,
    description TEXT NOT NULL, checksum_algorithm TEXT NOT NULL, checksum TEXT NOT NULL, checksum_kind TEXT NOT NULL,
    UNIQUE (bucket, key)                           -- UTF-8, so that order is S3's and a NUL is a byte like any other
);
CREATE TABLE IF NOT EXISTS pieces (                -- the bytes of an object in order: pieces of files, or few in `data`
    object INTEGER NOT NULL REFERENCES objects ON DELETE CASCADE, number INTEGER NOT NULL, blob TEXT NOT NULL,
    start INTEGER NOT NULL, size INTEGER NOT NULL, checksum TEXT NOT NULL, data BLOB,
    PRIMARY KEY (object, number)
);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES buckets ON DELETE CASCADE, key BLOB NOT NULL,
    created REAL NOT NULL, description TEXT NOT NULL,
    checksum_algorithm TEXT NOT NULL, checksum_kind TEXT NOT NULL, checksum_asked INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE, number INTEGER NOT NULL, blob TEXT NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, checksum TEXT NOT NULL, modified REAL NOT NULL, data BLOB,
    PRIMARY KEY (upload, number)
);
"""


class Database:
    """Connections to one database: any number of readers, and one writer whose commits are durable.

    RuntimeError if a later version of forecastle has created it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writing = Lock()
        self._writer = self._connect()
        [version] = self._writer.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise RuntimeError(f"{path} is of a later version of forecastle: its schema is {version}, ours {VERSION}")
        self._writer.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION}")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading; the caller begins a transaction if it needs one."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The writing connection, in a transaction that is durable when the block has ended without an error."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite itself ends it on some errors, such as a full disk
                    self._writer.execute("ROLLBACK")
                raise

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
