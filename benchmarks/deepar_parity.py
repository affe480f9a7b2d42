"""DeepAR's accuracy on real series: our engines, GluonTS' estimator with the same settings, and seasonal naive.

    python -m benchmarks.deepar_parity [--json] [--seeds 3] [--epochs 50] [--only m4_hourly,electricity]
                                       [--trainers native,mxnet,gluonts]

Mean weighted quantile loss (lower is better) of the deciles of 100 paths: of all series together, and the mean of each
one's own. The first depends on the largest series, two of which are three eighths of M4's sum.

`m4_hourly`: the 414 hourly series of M4, 48 hours ahead, scored on M4's own test part. `electricity`: a customer every
two hours, trained on all but the last eight weeks, which are forecast a week ahead each.

`deepar_parity.json` in this folder is the output of `--json`: a pair for each seed, of 100 epochs on M4 and 50 on the
customer.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import gluonts_mxnet
from benchmarks.engine_speed import trained_quietly
from benchmarks.gluonts_mxnet import Asked, Floats
from benchmarks.real_series import ELECTRICITY_START, M4_START, electricity, m4_hourly
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of
from forecastle.kernels.threads import available_cores

LEVELS = [tenth / 10 for tenth in range(1, 10)]
SAMPLES, WEEKS = 100, 8


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned, what is then known when forecasting, and what came."""

    asked: Asked
    train: Sequence[Series]
    known: Sequence[Series]
    observed: Floats  # (series, steps)
    season: int  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each")
    parser.add_argument("--epochs", type=int, default=50, help="epochs of each")
    parser.add_argument("--only", default=",".join(TASKS), help="the tasks to run")
    parser.add_argument("--trainers", default=",".join(TRAINERS), help="who trains: engines of ours, or gluonts")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MXNET_OMP_MAX_THREADS": "1"}  # read as MXNet is imported
    results: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with threadpool_limits(1):
        for name in arguments.only.split(","):
            task = TASKS[name]()
            trainers = arguments.trainers.split(",")
            losses = results[name] = {"naive": [naive_loss(task)]} | {trainer: [] for trainer in trainers}
            for seed in range(arguments.seeds):
                for trainer in trainers:
                    loss = trained_loss(trainer, replace_epochs(task, arguments.epochs), seed)
                    losses[trainer].append(loss)
                    if not arguments.json:
                        print(f"{name:12} {trainer:8} {loss[0]:.4f} {loss[1]:.4f}", flush=True)
            if not arguments.json:
                for whose, found in losses.items():
                    middle, spread = np.mean(found, axis=0), np.std(found, axis=0)
                    numbers = "  ".join(f"{mean:.4f} ± {std:.4f}" for mean, std in zip(middle, spread))
                    print(f"{name:12} {whose:8} {numbers}  mean of {len(found)}", flush=True)
    if arguments.json:
        print(json.dumps({"mean_wQuantileLoss": results}))


def trained_loss(trainer: str, task: Task, seed: int) -> tuple[float, float]:
    """Losses of forecasts after our own training; our networks by our forecaster, GluonTS' by GluonTS'."""
    asked = task.asked
    if trainer == "gluonts":
        predictor, _ = gluonts_mxnet.train(task.train, asked, seed)
        peer = gluonts_mxnet.predict(predictor, task.known, asked.freq, SAMPLES, LEVELS)
        return loss_of(task, np.stack([quantiles for _, quantiles, _ in peer], axis=1))
    network = trained_quietly(trainer, task.train, asked, seed).network
    own = forecast(network, task.known, num_samples=SAMPLES, quantiles=LEVELS, seed=seed, threads=available_cores())
    return loss_of(task, np.stack([one.quantiles for one in own], axis=1))


def naive_loss(task: Task) -> tuple[float, float]:
    """Of what came a season before, taken for every quantile."""
    steps, season = task.asked.prediction_length, task.season
    last = np.stack([one.target[-season:] for one in task.known])  # (series, season)
    repeated = np.tile(last, -(-steps // season))[:, :steps]
    return loss_of(task, np.broadcast_to(repeated, (len(LEVELS), *repeated.shape)))


def loss_of(task: Task, quantiles: Floats) -> tuple[float, float]:
    """Of all series together, and the mean of each one's own; `quantiles`: (levels, series, steps)."""
    own = [_loss(observed, quantiles[:, index]) for index, observed in enumerate(task.observed)]
    return _loss(task.observed, quantiles), float(np.mean(own))


def _loss(observed: Floats, quantiles: Floats) -> float:
    return metrics_of(losses_of(observed, quantiles.mean(axis=0), quantiles, LEVELS), LEVELS)["mean_wQuantileLoss"]


def replace_epochs(task: Task, epochs: int) -> Task:
    return replace(task, asked=replace(task.asked, epochs=epochs))


def m4_task() -> Task:
    given, observed = m4_hourly()
    series = [Series(time(M4_START), values.astype(np.float32)) for values in given]
    asked = Asked(freq="H", context_length=48, prediction_length=48, epochs=0, batch_size=32)
    return Task(asked, series, series, observed, season=24)


def electricity_task() -> Task:
    load, start, week = electricity().astype(np.float32), time(ELECTRICITY_START), 84
    ends = [len(load) - weeks * week for weeks in range(WEEKS, 0, -1)]
    known = [Series(start, load[:end]) for end in ends]
    observed: NDArray[np.float32] = np.stack([load[end : end + week] for end in ends])
    asked = Asked(freq="2H", context_length=week, prediction_length=week, epochs=0, batch_size=32)
    return Task(asked, known[:1], known, observed, season=week)


def time(text: str) -> np.datetime64:
    return np.datetime64(text.replace(" ", "T"), "s")


TRAINERS = ("native", "mxnet", "gluonts")
TASKS: dict[str, Callable[[], Task]] = {"m4_hourly": m4_task, "electricity": electricity_task}

if __name__ == "__main__":
    main()
