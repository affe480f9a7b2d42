"""Writes the example's data: synthetic half-hourly taxi rides, with four unusual events.

    python algorithms/random_cut_forest/example/generate.py

Its form is that of the New York taxi data of SageMaker's notebook: 10,320 counts from 2014-07-01 on, with a daily and a
weekly pattern. The events are a marathon's night, a New Year's night, a storm and an outage of the counting.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROWS = 10_320  # 215 days of 48 half hours
EVENTS = {  # first half hour, half hours, factor on the rides
    "a marathon's night": (124 * 48 + 1, 5, 1.75),
    "New Year's night": (184 * 48 + 1, 6, 1.85),
    "a storm": (209 * 48 + 12, 40, 0.03),
    "an outage of the counting": (60 * 48 + 20, 3, 0.0),
}


def rides(rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The counts, (rows,), and 1 during an event, else 0, (rows,)."""
    step = np.arange(ROWS)
    hour, day = step % 48 / 2, step // 48
    weekend = np.isin((day + 1) % 7, (4, 5))  # 2014-07-01 is a Tuesday
    rhythm = 15_500 - 7_200 * np.cos(2 * np.pi * (hour - 4.5) / 24) - 3_600 * np.cos(4 * np.pi * (hour - 1.5) / 24)
    nights_out = weekend * 5_000 * np.exp(-(((hour + 12) % 24 - 12.5) ** 2) / 8)
    level = 1 + 0.05 * np.sin(2 * np.pi * day / 60)
    counts = np.maximum(rhythm + nights_out, 2_000) * level * (1 + 0.04 * rng.standard_normal(ROWS))
    unusual = np.zeros(ROWS, dtype=np.int64)
    for start, length, factor in EVENTS.values():
        if factor > 1:
            counts[start : start + length] = 22_000 * factor * (1 + 0.02 * rng.standard_normal(length))
        else:
            counts[start : start + length] *= factor
        unusual[start : start + length] = 1
    return np.rint(counts).astype(np.int64), unusual


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the example's folder")
    folder = parser.parse_args().out
    counts, unusual = rides(np.random.default_rng(2014))
    for channel, columns in {"train": [counts], "test": [unusual, counts]}.items():
        path = folder / "input" / "data" / channel / "taxi.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in zip(*columns)))


if __name__ == "__main__":
    main()
