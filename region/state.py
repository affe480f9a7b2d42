"""A region's records, by kind and name, in SQLite.

A record is on the disk before the request that writes it is answered.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Record = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""


class State:
    """Records, each a JSON object, in the order of their creation."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = connected(path, SCHEMA, synchronous="FULL")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A block whose reads and writes are one transaction, without writes of other threads in between."""
        with self._lock:
            if self._database.in_transaction:  # nested
                yield
                return
            with transaction(self._database):
                yield

    def put(self, kind: str, name: str, body: Record) -> None:
        """Write a record, new or in place of the one with that name."""
        created = body.get("CreationTime", time.time())
        with self.exclusive():
            self._database.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (kind, name, created, json.dumps(body)),
            )

    def get(self, kind: str, name: str) -> Record | None:
        """The record with that name."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM records WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def change(self, kind: str, name: str, **values: Any) -> Record | None:
        """Set members of a record; None if it does not exist."""
        with self.exclusive():
            body = self.get(kind, name)
            if body is not None:
                body |= values
                self.put(kind, name, body)
            return body

    def all(self, kind: str) -> list[Record]:
        """All records of a kind, the oldest first."""
        with self._lock:
            rows = self._database.execute("SELECT body FROM records WHERE kind = ? ORDER BY created, name", (kind,))
            return [json.loads(body) for (body,) in rows]

    def delete(self, kind: str, name: str) -> bool:
        """Delete a record; false if there was none."""
        with self.exclusive():
            done = self._database.execute("DELETE FROM records WHERE kind = ? AND name = ?", (kind, name))
            return done.rowcount > 0

    def close(self) -> None:
        with self._lock:
            self._database.close()


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit the writes of a block, or roll them back on any error; on a full disk, the commit itself may fail."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def connected(path: Path, schema: str, synchronous: str) -> sqlite3.Connection:
    """Open a database in WAL mode and create its tables; transactions are explicit."""
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.executescript(schema)
    return database
