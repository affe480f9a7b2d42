"""Synthetic data for the electricity notebook, in the format of UCI's ElectricityLoadDiagrams20112014.

The original is `LD2011_2014.txt`: a row for each quarter of an hour, a column for each of 370 customers of a Portuguese
utility, kW with decimal commas, fields between semicolons, names and stamps in quotes. As in
the original, each customer's values are multiples of their meter's unit, and some customers begin later, after zeros.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.whole_file import write_whole

NAME = "LD2011_2014.txt"
CUSTOMERS = 370
QUARTER = timedelta(minutes=15)
A_DAY = 96  # quarters of an hour
BLOCK = A_DAY * 31  # rows that are generated at a time


def write(path: Path, customers: int, first_year: int, last_year: int) -> None:
    """Write the file, which depends on the arguments only. Raises `OutOfSpace` and `InvalidJob`."""

    def content(file: object) -> None:
        for part in _parts(customers, first_year, last_year):
            file.write(part)  # type: ignore[attr-defined]

    write_whole(path, content)


def _parts(customers: int, first_year: int, last_year: int) -> Iterator[bytes]:
    yield ";".join(['""', *(f'"MT_{number:03d}"' for number in range(1, customers + 1))]).encode() + b"\r\n"
    start = datetime(first_year, 1, 1)
    rows = (datetime(last_year + 1, 1, 1) - start) // QUARTER
    people = _Customers(customers, rows, last_year > first_year)
    for begin in range(0, rows, BLOCK):
        steps = np.arange(begin, min(begin + BLOCK, rows))
        stamps = [f'"{start + QUARTER * (int(step) + 1):%Y-%m-%d %H:%M:%S}"' for step in steps]
        readings = people.readings(steps, start).tolist()
        texts = people.texts
        lines = (
            ";".join([stamp, *[text[reading] for text, reading in zip(texts, row)]])
            for stamp, row in zip(stamps, readings)
        )
        yield "\r\n".join([*lines, ""]).encode()


class _Customers:
    """The customers' random profiles of use."""

    def __init__(self, count: int, rows: int, some_come_later: bool) -> None:
        self._rng = np.random.default_rng(2011)
        self._level = self._rng.lognormal(3.0, 0.7, count)  # readings in a quarter of an hour, on average
        self._night = self._rng.uniform(0.25, 0.8, count)  # of the day's use
        self._peak = self._rng.normal(15.0, 3.5, count)  # o'clock
        self._weekend = self._rng.uniform(0.45, 1.1, count)
        self._season = self._rng.normal(0.0, 0.18, count)  # above zero: more in summer
        late = (self._rng.uniform(size=count) < 0.4) & some_come_later
        self._arrival = np.where(late, rows // 4 + self._rng.integers(0, max(1, rows // 8), count), 0)
        unit = self._rng.lognormal(0.4, 0.8, count)  # kW
        most = int(self._level.max() * 8) + 2
        self._most = most
        self.texts = [[_decimal_comma(reading * each) for reading in range(most)] for each in unit.tolist()]

    def readings(self, steps: NDArray[np.int64], start: datetime) -> NDArray[np.int64]:
        """Each customer's use in meter units, of shape (steps, customers)."""
        hour = ((steps + 1) % A_DAY / 4)[:, None]
        day = ((steps + 1) // A_DAY)[:, None]
        by_hour = self._night + (1 - self._night) * np.exp(2.5 * (np.cos(2 * np.pi * (hour - self._peak) / 24) - 1))
        by_weekday = np.where((day + start.weekday()) % 7 >= 5, self._weekend, 1.0)
        by_season = 1 - self._season * np.cos(2 * np.pi * (day - 20) / 365.25)
        noise = 1 + 0.12 * self._rng.standard_normal((len(steps), len(self._level)))
        used = np.rint(self._level * by_hour * by_weekday * by_season * noise).astype(np.int64)
        return np.where(steps[:, None] < self._arrival, 0, np.clip(used, 0, self._most - 1))


def _decimal_comma(number: float) -> str:
    return f"{number:.15g}".replace(".", ",")
