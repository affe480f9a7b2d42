"""The demo of DeepAR: SageMaker's notebook on electricity use, without SageMaker."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.chart import Chart, Panel, save
from forecastle.algorithms.deepar.fan_chart import fan_panel
from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of
from forecastle.algorithms.interface import Ask
from forecastle.contract.media_type import JSON

STEP = timedelta(hours=2)
CUSTOMERS = {0: "a household", 1: "an office", 2: "a shop"}  # by their category
LEVELS = [tenth / 10 for tenth in range(1, 10)]
LOWEST, MEDIAN, HIGHEST = 0, 4, 8
STEPS_SHOWN = 84  # before the forecast: a week

Floats = NDArray[np.float64]


def demonstrate(example: Path, ask: Ask, picture: Path) -> Iterable[str]:
    """Have a server forecast the end of each of the example's series, draw it to `picture`, and report the accuracy."""
    hyperparameters = json.loads((example / "input" / "config" / "hyperparameters.json").read_text())
    steps = int(hyperparameters["prediction_length"])
    lines = (example / "input" / "data" / "test" / "test.json").read_text().splitlines()
    series = [json.loads(line) for line in lines]
    configuration = {"num_samples": 100, "output_types": ["mean", "quantiles"], "quantiles": LEVELS, "seed": 1}
    instances = [{**one, "target": one["target"][:-steps]} for one in series]
    answer = json.loads(ask(json.dumps({"instances": instances, "configuration": configuration}).encode(), JSON, JSON))
    mean = np.array([one["mean"] for one in answer["predictions"]])  # (series, steps)
    quantiles = np.array([[one["quantiles"][str(level)] for one in answer["predictions"]] for level in LEVELS])
    draw(series, quantiles, picture)
    targets = np.array([one["target"] for one in series])
    observed = targets[:, -steps:]
    scores = metrics_of(losses_of(observed, mean, quantiles, LEVELS), LEVELS)
    week_before = targets[:, -steps - STEPS_SHOWN : -STEPS_SHOWN]
    naive = np.abs(week_before - observed).sum() / np.abs(observed).sum()
    inside = ((observed >= quantiles[LOWEST]) & (observed <= quantiles[HIGHEST])).mean()
    yield f"{len(series)} customers, the next {steps * STEP.seconds // 3600} hours of each, from 100 paths:"
    yield f"  mean weighted quantile loss  {scores['mean_wQuantileLoss']:.4f}"
    yield f"  of the same hours last week  {naive:.4f}"
    yield f"  share of values in the 80 % band  {inside:.1%}"


def draw(series: Sequence[dict[str, Any]], quantiles: Floats, picture: Path) -> None:
    """The notebook's chart, for the first customer of each kind. quantiles : (levels, series, steps)."""
    panels = []
    for category, customer in CUSTOMERS.items():
        number = next(index for index, one in enumerate(series) if one["cat"] == [category])
        band = {LEVELS[level]: quantiles[level, number] for level in (LOWEST, MEDIAN, HIGHEST)}
        panels.append(_customer(f"Customer {number}, {customer}", series[number], band))
    save(Chart(panels, "Electricity use and its forecast"), picture)


def _customer(title: str, one: dict[str, Any], band: dict[float, Floats]) -> Panel:
    target, steps = np.array(one["target"]), len(band[LEVELS[MEDIAN]])
    first = len(target) - steps - STEPS_SHOWN
    times = np.datetime64(one["start"]) + np.timedelta64(STEP) * np.arange(first, len(target))
    known, actual = target[first:-steps], target[-steps:]
    return fan_panel(title, known, band, times=times, actual=actual, left="Use in two hours")
