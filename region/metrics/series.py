"""Metric values by namespace, name and dimensions, in SQLite."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forecastle.region.state import connected, transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, dimensions TEXT NOT NULL,
    UNIQUE (namespace, name, dimensions)
);
CREATE TABLE IF NOT EXISTS points (series INTEGER NOT NULL, at REAL NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS points_in_order ON points (series, at);
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its namespace, name and dimensions."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """A value and its time, in seconds since 1970."""

    at: float
    value: float
    unit: str = "None"


class Series:
    """All values of the region."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = connected(path, SCHEMA, synchronous="NORMAL")

    def add(self, metric: Metric, values: Sequence[float], at: float | None = None, unit: str = "None") -> None:
        """Add values with the same time."""
        key = (metric.namespace, metric.name, _text(metric.dimensions))
        moment = time.time() if at is None else at
        with self._lock, transaction(self._database):
            self._database.execute("INSERT OR IGNORE INTO series VALUES (NULL, ?, ?, ?)", key)
            (number,) = self._database.execute(
                "SELECT id FROM series WHERE namespace = ? AND name = ? AND dimensions = ?", key
            ).fetchone()
            rows = [(number, moment, value, unit) for value in values]
            self._database.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)

    def points(self, metric: Metric, since: float, until: float) -> list[Point]:
        """The values with `since` ≤ at < `until`, by time."""
        query = (
            "SELECT at, value, unit FROM points JOIN series ON id = series "
            "WHERE namespace = ? AND name = ? AND dimensions = ? AND at >= ? AND at < ? ORDER BY at, points.rowid"
        )
        key = (metric.namespace, metric.name, _text(metric.dimensions))
        with self._lock:
            return [Point(*row) for row in self._database.execute(query, (*key, since, until))]

    def metrics(self, namespace: str | None = None, name: str | None = None) -> list[Metric]:
        """All metrics that have values."""
        query = (
            "SELECT namespace, name, dimensions FROM series "
            "WHERE (?1 IS NULL OR namespace = ?1) AND (?2 IS NULL OR name = ?2)"
        )
        with self._lock:
            rows = self._database.execute(query, (namespace, name)).fetchall()
        return [Metric(each, named, json.loads(text)) for each, named, text in rows]

    def close(self) -> None:
        with self._lock:
            self._database.close()


def _text(dimensions: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(dimensions.items())))
