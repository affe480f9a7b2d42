"""The demo of Random Cut Forest: SageMaker's notebook on taxi rides, without SageMaker."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.chart import Chart, save
from forecastle.algorithms.interface import Ask
from forecastle.algorithms.random_cut_forest.anomaly_chart import anomaly_panel, cutoff_of
from forecastle.contract.media_type import CSV, JSON

START = datetime(2014, 7, 1)
STEP = timedelta(minutes=30)
EPISODES_SHOWN = 5


def demonstrate(example: Path, ask: Ask, picture: Path) -> Iterable[str]:
    """Score the example's rides on a server, draw the notebook's chart to `picture`, list the highest."""
    body = (example / "input" / "data" / "train" / "taxi.csv").read_bytes()
    rides = np.array(body.split(), dtype=np.float64)  # (rows,)
    answer = json.loads(ask(body, CSV, JSON))
    scores = np.array([row["score"] for row in answer["scores"]])  # (rows,)
    cutoff = cutoff_of(scores)
    times = np.datetime64(START) + np.timedelta64(STEP) * np.arange(len(rides))
    panel = anomaly_panel(
        "Taxi rides and their anomaly scores", rides, scores, times=times, left="Rides in half an hour"
    )
    save(Chart([panel]), picture)
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
