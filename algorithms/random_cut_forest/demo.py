"""The demo of Random Cut Forest: SageMaker's notebook on taxi rides, without SageMaker."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.interface import Ask
from forecastle.contract.media_type import CSV, JSON

START = datetime(2014, 7, 1)
STEP = timedelta(minutes=30)
CUTOFF_SIGMAS = 3.0  # the notebook's rule
EPISODES_SHOWN = 5


def demonstrate(example: Path, ask: Ask, picture: Path) -> Iterable[str]:
    """Score the example's rides on a server, draw the notebook's chart to `picture`, list the highest."""
    body = (example / "input" / "data" / "train" / "taxi.csv").read_bytes()
    rides = np.array(body.split(), dtype=np.float64)  # (rows,)
    answer = json.loads(ask(body, CSV, JSON))
    scores = np.array([row["score"] for row in answer["scores"]])  # (rows,)
    cutoff = scores.mean() + CUTOFF_SIGMAS * scores.std()
    draw(rides, scores, cutoff, picture)
    found = episodes(scores > cutoff)
    highest = [scores[first : last + 1].max() for first, last in found]
    shown = sorted(np.argsort(highest)[-EPISODES_SHOWN:])
    yield (
        f"{len(scores):,} half hours scored, {(scores > cutoff).sum()} of them above the mean plus three standard "
        f"deviations, {cutoff:.2f}."
    )
    yield f"The {len(shown)} episodes with the highest scores, of {len(found)}:"
    yield f"  {'from':<16}  {'to':<16}  {'half hours':>10}  {'rides':>13}  {'score':>6}"
    for first, last in (found[episode] for episode in shown):
        inside = slice(first, last + 1)
        span = f"{rides[inside].min():,.0f}–{rides[inside].max():,.0f}"
        yield (
            f"  {START + first * STEP:%Y-%m-%d %H:%M}  {START + last * STEP:%Y-%m-%d %H:%M}  "
            f"{int((scores[inside] > cutoff).sum()):>10}  {span:>13}  {scores[inside].max():>6.3f}"
        )


def episodes(unusual: NDArray[np.bool_], gap: int = 24) -> list[tuple[int, int]]:
    """First and last row of each run of unusual rows; rows up to `gap` apart belong to the same one."""
    rows = np.flatnonzero(unusual)
    if not len(rows):
        return []
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > gap) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs]


def draw(rides: NDArray[np.float64], scores: NDArray[np.float64], cutoff: float, picture: Path) -> None:
    """The notebook's chart: the rides, their scores on a second axis, and dots where a score is above the cut-off."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    when = np.array([START + row * STEP for row in range(len(rides))])
    figure, left = plt.subplots(figsize=(12, 5), layout="constrained")
    right = left.twinx()
    left.plot(when, rides, color="C0", alpha=0.8, linewidth=0.6)
    right.plot(when, scores, color="C1", linewidth=0.8)
    unusual = scores > cutoff
    right.plot(when[unusual], scores[unusual], "ko", markersize=3, label=f"above mean + 3σ ({cutoff:.2f})")
    left.grid(which="major", axis="both", alpha=0.4)
    left.set_title("Taxi rides and their anomaly scores")
    left.set_ylabel("Rides in half an hour", color="C0")
    right.set_ylabel("Anomaly score", color="C1")
    left.tick_params("y", colors="C0")
    right.tick_params("y", colors="C1")
    left.set_ylim(0, 1.05 * rides.max())
    right.set_ylim(scores.min(), 1.4 * scores.max())
    left.set_xlim(when[0], when[-1])
    right.legend(loc="upper left", frameon=False)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
