"""SageMaker's Random Cut Forest notebook without AWS: anomalies in the rides of New York's taxis.

    python examples/new_york_taxi.py nyc_taxi.csv

The file is `timestamp,value`, half-hourly, as in the Numenta Anomaly Benchmark. Each half hour is scored
together with the 47 before it, a shingle, which finds unusual days and not only unusual counts.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle import RandomCutForest

SHINGLE = 48  # half hours: a day
CUTOFF_SIGMAS = 3.0


def unusual_days(times: Sequence[str], rides: NDArray[np.float64]) -> dict[str, float]:
    """The days with a shingle whose score is above the mean plus three standard deviations, and their highest score."""
    shingles = np.lib.stride_tricks.sliding_window_view(rides, SHINGLE)  # (rows − 47, 48)
    forest = RandomCutForest(num_trees=100, num_samples_per_tree=256, random_state=0).fit(shingles)
    scores = -forest.score_samples(shingles)
    cutoff = scores.mean() + CUTOFF_SIGMAS * scores.std()
    days: dict[str, float] = {}
    for time, score in zip(times[SHINGLE - 1 :], scores, strict=True):
        if score > cutoff:
            days[time[:10]] = max(days.get(time[:10], 0.0), float(score))
    return days


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="timestamp,value with a header")
    lines = [line.split(",") for line in parser.parse_args().file.read_text().splitlines()[1:]]
    days = unusual_days([time for time, _ in lines], np.array([float(value) for _, value in lines]))
    for day, score in sorted(days.items()):
        print(f"{day}  {score:.3f}  {'█' * round(10 * score)}")


if __name__ == "__main__":
    main()
