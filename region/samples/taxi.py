"""The taxi notebook's data, half-hourly counts of rides in New York: the original file or synthetic data.

Synthetic data have the format of the Numenta Anomaly Benchmark's nyc_taxi.csv: 10,320 counts from 2014-07-01 with
daily and weekly seasonality, and anomalies on the days of events.
"""

import random
from datetime import datetime, timedelta
from functools import partial
from math import cos, exp, pi, sin
from pathlib import Path

from forecastle.contract.errors import InvalidJob
from forecastle.region.objects import Objects

BUCKET = "sagemaker-sample-files"
KEY = "datasets/tabular/anomaly_benchmark_taxi/NAB_nyc_taxi.csv"
HEADER = "timestamp,value"
ROWS = 10_320  # 215 days of 48 half hours
START = datetime(2014, 7, 1)
EVENTS = {  # first half hour, half hours, factor on the rides or count of them
    "a marathon's night, 2014-11-02": (124 * 48 + 1, 5, 39_000),
    "Thanksgiving, 2014-11-27": (149 * 48 + 14, 12, 0.45),
    "Christmas, 2014-12-25": (177 * 48 + 8, 30, 0.4),
    "New Year's night, 2015-01-01": (184 * 48 + 1, 5, 33_500),
    "a storm, 2015-01-27": (210 * 48, 30, 0.02),
}


def put(objects: Objects, file: Path | None) -> str | None:
    """Upload the data, unless the object exists and no file is given; return a message about them.

    Raises `InvalidJob` if the file does not have the benchmark's format.
    """
    objects.make_bucket(BUCKET)
    if file is None:
        if objects.has(BUCKET, KEY):
            return None
        objects.put(BUCKET, KEY, generated(), content_type="text/csv")
        return f"s3://{BUCKET}/{KEY} contains synthetic data; --taxi FILE uploads the original"
    with file.open("rb") as opened:
        if opened.readline().strip() != HEADER.encode():
            raise InvalidJob(f"--taxi {file}: expected {HEADER} in its first line, as in nyc_taxi.csv.")
    objects.put_file(BUCKET, KEY, file)
    return f"s3://{BUCKET}/{KEY} contains {file}"


def generated() -> bytes:
    """The synthetic file, the same on each machine."""
    normal = partial(random.Random(2014).gauss, 0.0, 1.0)  # not NumPy's, which would take 17 MB of the region's memory
    counts = [_usual(step) * (1 + 0.04 * normal()) for step in range(ROWS)]
    for start, length, factor in EVENTS.values():
        for step in range(start, start + length):
            counts[step] = factor * (1 + 0.02 * normal()) if factor > 1 else factor * counts[step]
    times = (START + timedelta(minutes=30 * step) for step in range(ROWS))
    rows = (f"{time:%Y-%m-%d %H:%M:%S},{round(count)}" for time, count in zip(times, counts))
    return "\n".join([HEADER, *rows, ""]).encode()


def _usual(step: int) -> float:
    """The count of a half hour without noise and events."""
    hour, day = step % 48 / 2, step // 48
    count = 15_500 - 7_200 * cos(2 * pi * (hour - 4.5) / 24) - 3_600 * cos(4 * pi * (hour - 1.5) / 24)
    if (day + 1) % 7 in (4, 5):  # a weekend: 2014-07-01 is a Tuesday
        count += 5_000 * exp(-(((hour + 12) % 24 - 12.5) ** 2) / 8)
    return max(count, 2_000) * (1 + 0.05 * sin(2 * pi * day / 60))
