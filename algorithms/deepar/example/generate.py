"""Writes the example's data: synthetic electricity use of twenty customers, every two hours for thirteen weeks.

    python algorithms/deepar/example/generate.py

Its form is that of the electricity data of SageMaker's notebook: a daily and a weekly pattern, and a different level
for each customer. Their category is their kind: 0 a household, 1 an office, 2 a shop.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

START = "2014-01-06 00:00:00"  # a Monday
CUSTOMERS, WEEKS, STEPS_A_DAY = 20, 13, 12
PREDICTION_LENGTH = 36  # values at the end that the train channel lacks
HOURS = np.arange(STEPS_A_DAY) * 2 + 1  # the middle of each step


def rhythm(kind: int) -> np.ndarray[Any, Any]:
    """The use of customers of a kind in each step of a week, (84,), around 1."""
    morning, evening = np.exp(-((HOURS - 7) ** 2) / 6), np.exp(-((HOURS - 20) ** 2) / 10)
    open_hours = 1 / (1 + np.exp(-(HOURS - 8))) / (1 + np.exp(HOURS - 18))
    working, saturday, sunday = {
        0: (0.4 + 0.5 * morning + evening, 0.6 + 0.4 * open_hours + evening, 0.6 + 0.5 * open_hours + 0.8 * evening),
        1: (0.3 + 1.6 * open_hours, 0.3 + 0.3 * open_hours, 0.3 + 0 * HOURS),
        2: (0.2 + 1.3 * open_hours, 0.2 + 1.9 * open_hours, 0.2 + 0 * HOURS),
    }[kind]
    return np.concatenate([working] * 5 + [saturday, sunday])


def customers(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for number in range(CUSTOMERS):
        kind = number % 3
        level = 50 * 30 ** rng.random()
        season = 1 + 0.1 * np.cos(2 * np.pi * np.arange(WEEKS * 84) / (52 * 84))
        weather = np.zeros(WEEKS * 84)
        for step in range(1, len(weather)):  # warm and cold spells of a few days
            weather[step] = 0.97 * weather[step - 1] + 0.01 * rng.standard_normal()
        noise = 1 + 0.05 * rng.standard_normal(WEEKS * 84)
        use = level * np.tile(rhythm(kind), WEEKS) * season * (1 + weather) * noise
        found.append({"start": START, "target": np.maximum(use, 0).round(1).tolist(), "cat": [kind]})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the example's folder")
    folder = parser.parse_args().out
    series = customers(np.random.default_rng(2014))
    for channel, end in {"train": -PREDICTION_LENGTH, "test": None}.items():
        path = folder / "input" / "data" / channel / f"{channel}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps({**one, "target": one["target"][:end]}) + "\n" for one in series))
    asked = {"num_samples": 100, "output_types": ["mean", "quantiles"], "quantiles": ["0.1", "0.5", "0.9"], "seed": 1}
    first = {**series[0], "target": series[0]["target"][:48]}
    (folder / "request.json").write_text(json.dumps({"instances": [first], "configuration": asked}) + "\n")


if __name__ == "__main__":
    main()
