"""Generated series of the shape of the electricity data, as SageMaker's notebook trains on them.

370 customers, a value every two hours from 2014-01-01 to 2014-09-01 and the four weeks after it; a daily and a weekly
wave, a slow one, noise and a size of each customer's own. Some begin late, with zeros before. The values are made up.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forecastle.algorithms.deepar.series import Series

CUSTOMERS, START = 370, np.datetime64("2014-01-01T00:00:00", "s")
TRAINED = 243 * 12  # steps to 2014-09-01
WEEK, WEEKS = 84, 4  # the weeks after it, in steps, each of which is forecast
LATE = 0.1  # the share of customers who begin after the start

# What the notebook sets; all else is the default.
HYPERPARAMETERS = {
    "time_freq": "2H",
    "epochs": "400",
    "early_stopping_patience": "40",
    "mini_batch_size": "64",
    "learning_rate": "5E-4",
    "context_length": str(WEEK),
    "prediction_length": str(WEEK),
}


def customers(count: int = CUSTOMERS, steps: int = TRAINED) -> list[Series]:
    """`count` customers, the first `steps` of each; in kW, three decimals."""
    rng = np.random.default_rng(0)
    time = np.arange(TRAINED + WEEK * WEEKS)
    hour, day = time % 12 / 12, time // 12
    series = []
    for _ in range(count):
        daily = sum(rng.normal(0, 0.5 / wave) * np.sin(2 * np.pi * (wave * hour + rng.random())) for wave in (1, 2, 3))
        weekend = np.where(day % 7 >= 5, rng.uniform(0.6, 1.1), 1.0)
        season = 1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * (day / 365 + rng.random()))
        noise = np.exp(rng.normal(0, rng.uniform(0.03, 0.15), len(time)))
        values = np.exp(rng.normal(4, 1.2)) * np.exp(daily) * weekend * season * noise
        if rng.random() < LATE:
            values[: rng.integers(TRAINED // 2)] = 0
        series.append(Series(START, np.round(values[:steps], 3).astype(np.float32)))
    return series


def write_job(base: Path, epochs: int) -> None:
    """The tree that a job of the notebook's finds below /opt/ml; the test channel ends one to four weeks later."""
    whole = customers(steps=TRAINED + WEEK * WEEKS)
    tests = [(each, TRAINED + WEEK * week) for week in range(1, WEEKS + 1) for each in whole]
    _write(base / "input" / "data" / "train" / "train.json", [(each, TRAINED) for each in whole])
    _write(base / "input" / "data" / "test" / "test.json", tests)
    config = base / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(HYPERPARAMETERS | {"epochs": str(epochs)}))
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    (config / "inputdataconfig.json").write_text(json.dumps({"train": channel, "test": channel}))


def _write(path: Path, cut: Sequence[tuple[Series, int]]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        for series, steps in cut:
            target = np.round(series.target[:steps].astype(float), 3).tolist()
            file.write(json.dumps({"start": str(series.start).replace("T", " "), "target": target}) + "\n")
