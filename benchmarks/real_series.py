"""Real series: a customer's electricity, New York's taxis, the hourly series of M4, and monthly ones with categories.

They are in `shared` next to the checkout, or where the variable `SERIES_FOLDER` says, and are not part of it.
"""

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(os.environ.get("SERIES_FOLDER") or Path(__file__).resolve().parents[2] / "shared" / "data")
ELECTRICITY_START, M4_START = "2011-01-01 00:00:00", "2015-07-01 12:00:00"  # M4's are not published: any will do

TAXI_START = "2014-07-01 00:00:00"

Floats = NDArray[np.float64]


def electricity() -> Floats:
    """Mean load of customer MT_200 in kW, every two hours for four years, (17532,)."""
    hourly = np.loadtxt(FOLDER / "ld2011_mt200_hourly.csv", delimiter=",", skiprows=1, usecols=2)
    whole = len(hourly) // 2 * 2
    return np.asarray(hourly[:whole].reshape(-1, 2).mean(axis=1))


def taxi() -> Floats:
    """Passengers every half hour, (10320,)."""
    return np.loadtxt(FOLDER / "nyc_taxi.csv", delimiter=",", skiprows=1, usecols=1)


def monthly_records() -> list[dict[str, Any]]:
    """350 records of 48 months, each with two categories and two dynamic features."""
    inside, beside = (
        folder / "artifacts" / "deepar_monthly" / "input_2017.jsonl" for folder in (FOLDER, FOLDER.parent)
    )
    lines = (inside if inside.exists() else beside).read_text().splitlines()
    return [json.loads(line) for line in lines]


def m4_hourly() -> tuple[list[Floats], Floats]:
    """The 414 series that M4 gave, of different lengths, and what came next, (414, 48)."""
    given = _rows("m4_hourly_train.csv.gz")
    return given, np.stack(_rows("m4_hourly_test.csv.gz"))


def _rows(name: str) -> list[Floats]:
    with gzip.open(FOLDER / name, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [np.array([float(field) for field in row[1:] if field]) for row in rows]
