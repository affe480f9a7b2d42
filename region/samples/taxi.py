"""The taxi notebook's data, half-hourly counts of rides in New York: the original file or synthetic data.

Synthetic data have the format of the Numenta Anomaly Benchmark's nyc_taxi.csv: 10,320 counts from 2014-07-01 with
daily and weekly seasonality, and anomalies on the days of events.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

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
    rng = np.random.default_rng(2014)
    step = np.arange(ROWS)
    hour, day = step % 48 / 2, step // 48
    weekend = np.isin((day + 1) % 7, (4, 5))  # 2014-07-01 is a Tuesday
    rhythm = 15_500 - 7_200 * np.cos(2 * np.pi * (hour - 4.5) / 24) - 3_600 * np.cos(4 * np.pi * (hour - 1.5) / 24)
    nights_out = weekend * 5_000 * np.exp(-(((hour + 12) % 24 - 12.5) ** 2) / 8)
    level = 1 + 0.05 * np.sin(2 * np.pi * day / 60)
    counts = np.maximum(rhythm + nights_out, 2_000) * level * (1 + 0.04 * rng.standard_normal(ROWS))
    for start, length, factor in EVENTS.values():
        if factor > 1:
            counts[start : start + length] = factor * (1 + 0.02 * rng.standard_normal(length))
        else:
            counts[start : start + length] *= factor
    times = (START + timedelta(minutes=30 * int(each)) for each in step)
    rows = (f"{time:%Y-%m-%d %H:%M:%S},{count}" for time, count in zip(times, np.rint(counts).astype(int)))
    return "\n".join([HEADER, *rows, ""]).encode()
