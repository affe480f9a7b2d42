"""Log lines by group and stream, in SQLite."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forecastle.region.state import connected, transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS log_groups (name TEXT PRIMARY KEY, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
    UNIQUE (log_group, name)
);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, at INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_in_order ON events (stream, at, id);
INSERT OR IGNORE INTO log_groups SELECT log_group, MIN(created) FROM streams GROUP BY log_group;
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A line, its time (milliseconds since 1970) and its increasing number."""

    id: int
    at: int
    message: str
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream, and the times of its first and last lines."""

    id: int
    name: str
    created: int
    first: int | None
    last: int | None


class Journal:
    """All log lines of the region; they can be read as soon as `write` has returned."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = connected(path, SCHEMA, synchronous="NORMAL")
        self._latest: dict[int, int] = {}  # last time by stream: lines keep their order if the clock is set back

    def write(self, group: str, stream: str, lines: Sequence[str], at: int | None = None) -> None:
        """Add lines to a stream, which is created if necessary."""
        moment = now() if at is None else at
        with self._lock, transaction(self._database):
            number = self._stream(group, stream, moment)
            moment = self._latest[number] = max(moment, self._latest.get(number, 0))
            rows = [(number, moment, line) for line in lines]
            self._database.executemany("INSERT INTO events (stream, at, message) VALUES (?, ?, ?)", rows)

    def write_events(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Add lines with their own times."""
        with self._lock, transaction(self._database):
            number = self._stream(group, stream, now())
            rows = [(number, at, message) for at, message in events]
            self._database.executemany("INSERT INTO events (stream, at, message) VALUES (?, ?, ?)", rows)

    def make(self, group: str, stream: str) -> None:
        """Create an empty stream."""
        with self._lock, transaction(self._database):
            self._stream(group, stream, now())

    def make_group(self, name: str) -> bool:
        """Create an empty group; false if it exists."""
        with self._lock, transaction(self._database):
            return self._make_group(name, now())

    def groups(self) -> dict[str, int]:
        """The groups by name, with the times of their creation."""
        with self._lock:
            return dict(self._database.execute("SELECT name, created FROM log_groups ORDER BY name"))

    def streams(self, group: str, prefix: str = "") -> list[Stream]:
        """The streams of a group whose names begin with `prefix`, by name."""
        query = (
            "SELECT s.id, s.name, s.created, MIN(e.at), MAX(e.at) FROM streams s LEFT JOIN events e ON e.stream = s.id "
            "WHERE s.log_group = ? AND SUBSTR(s.name, 1, ?) = ? GROUP BY s.id ORDER BY s.name"
        )
        with self._lock:
            return [Stream(*row) for row in self._database.execute(query, (group, len(prefix), prefix))]

    def events(
        self, stream: int, since: int, until: int, after: tuple[int, int], limit: int, newest_first: bool = False
    ) -> list[Event]:
        """Lines with `since` ≤ at < `until`, after the position `after` (at, id) in the requested direction."""
        beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
        query = (
            f"SELECT id, at, message FROM events WHERE stream = ? AND at >= ? AND at < ? AND (at, id) {beyond} (?, ?) "
            f"ORDER BY at {order}, id {order} LIMIT ?"
        )
        with self._lock:
            rows = self._database.execute(query, (stream, since, until, *after, limit)).fetchall()
        return [Event(*row) for row in rows]

    def found(
        self, streams: Sequence[Stream], since: int, until: int, after: tuple[int, int], limit: int
    ) -> list[Event]:
        """Lines of several streams, by time."""
        names = {stream.id: stream.name for stream in streams}
        marks = ", ".join("?" * len(names))
        query = (
            f"SELECT id, at, message, stream FROM events WHERE stream IN ({marks}) AND at >= ? AND at < ? "
            "AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
        )
        with self._lock:
            rows = self._database.execute(query, (*names, since, until, *after, limit)).fetchall()
        return [Event(number, at, message, names[stream]) for number, at, message, stream in rows]

    def delete(self, group: str, stream: str | None = None) -> bool:
        """Delete a group, or one of its streams; false if it does not exist."""
        with self._lock, transaction(self._database):
            which = "log_group = ?" + (" AND name = ?" if stream is not None else "")
            names = (group,) if stream is None else (group, stream)
            self._database.execute(f"DELETE FROM events WHERE stream IN (SELECT id FROM streams WHERE {which})", names)
            streams = self._database.execute(f"DELETE FROM streams WHERE {which}", names).rowcount
            if stream is not None:
                return streams > 0
            return self._database.execute("DELETE FROM log_groups WHERE name = ?", (group,)).rowcount > 0

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _stream(self, group: str, name: str, moment: int) -> int:
        self._make_group(group, moment)
        self._database.execute("INSERT OR IGNORE INTO streams VALUES (NULL, ?, ?, ?)", (group, name, moment))
        row = self._database.execute(
            "SELECT id FROM streams WHERE log_group = ? AND name = ?", (group, name)
        ).fetchone()
        return int(row[0])

    def _make_group(self, name: str, moment: int) -> bool:
        done = self._database.execute("INSERT OR IGNORE INTO log_groups VALUES (?, ?)", (name, moment))
        return done.rowcount > 0


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
