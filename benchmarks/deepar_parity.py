"""DeepAR's accuracy on real series: our engines, GluonTS' estimator with the same settings, and seasonal naive.

    python -m benchmarks.deepar_parity [--json] [--seeds 3] [--epochs 50] [--only m4_hourly,electricity]
                                       [--trainers native,mxnet,gluonts] [--network gluonts,sagemaker]

Mean weighted quantile loss (lower is better) of the deciles of 100 paths: of all series together, and the mean of each
one's own. The first depends on the largest series, two of which are three eighths of M4's sum. `deepar_tasks` says
what is forecast.

The mean of each one's own says nothing on `monthly`, where some series sell next to nothing.

`deepar_parity.json` in this folder is the output of `--json` for the trainers, on `m4_hourly` and `electricity`: a pair
for each seed, of 100 epochs on M4 and 50 on the customer. `deepar_networks.json` is that of
`--trainers native --network gluonts,sagemaker`, SageMaker's network beside GluonTS' on all tasks: five seeds, 15 on
`electricity` and `taxi`; 100 epochs, 50 on those two, `electricity_missing` and `m4_short`.
"""

import argparse
import json
import os
import sys
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import gluonts_mxnet
from benchmarks.deepar_tasks import TASKS, Task
from benchmarks.engine_speed import trained_quietly
from benchmarks.gluonts_mxnet import Floats
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of
from forecastle.kernels.threads import available_cores

LEVELS = [tenth / 10 for tenth in range(1, 10)]
SAMPLES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each")
    parser.add_argument("--epochs", type=int, default=50, help="epochs of each")
    parser.add_argument("--only", default="m4_hourly,electricity", help=f"the tasks to run, of {', '.join(TASKS)}")
    parser.add_argument("--trainers", default=",".join(TRAINERS), help="who trains: engines of ours, or gluonts")
    parser.add_argument("--network", default="gluonts", help=f"the kinds that native trains, of {', '.join(NETWORKS)}")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MXNET_OMP_MAX_THREADS": "1"}  # read as MXNet is imported
    results: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with threadpool_limits(1):
        for name in arguments.only.split(","):
            task = TASKS[name]()
            trainers = arguments.trainers.split(",")
            if "native" in trainers:
                place, networks = trainers.index("native"), arguments.network.split(",")
                trainers[place : place + 1] = ["native" if each == "gluonts" else f"native {each}" for each in networks]
            losses = results[name] = {"naive": [naive_loss(task)]} | {trainer: [] for trainer in trainers}
            for seed in range(arguments.seeds):
                for trainer in trainers:
                    loss = trained_loss(trainer, replace_epochs(task, arguments.epochs), seed)
                    losses[trainer].append(loss)
                    print(f"{name:20} {trainer:16} {loss[0]:.4f} {loss[1]:.4f}", file=sys.stderr, flush=True)
            if not arguments.json:
                for whose, found in losses.items():
                    middle, spread = np.mean(found, axis=0), np.std(found, axis=0)
                    numbers = "  ".join(f"{mean:.4f} ± {std:.4f}" for mean, std in zip(middle, spread))
                    print(f"{name:20} {whose:16} {numbers}  mean of {len(found)}", flush=True)
    if arguments.json:
        print(json.dumps({"mean_wQuantileLoss": results}))


def trained_loss(trainer: str, task: Task, seed: int) -> tuple[float, float]:
    """Losses of forecasts after a training; our networks by our forecaster, GluonTS' by GluonTS'.

    The trainer `native` may be followed by the kind of its network, which is else GluonTS'.
    """
    asked = task.asked
    if trainer == "gluonts":
        predictor, _ = gluonts_mxnet.train(task.train, asked, seed)
        peer = gluonts_mxnet.predict(predictor, task.known, asked.freq, SAMPLES, LEVELS)
        return loss_of(task, np.stack([quantiles for _, quantiles, _ in peer], axis=1))
    engine, _, kind = trainer.partition(" ")
    network = trained_quietly(engine, task.train, asked, seed, kind or "gluonts").network
    own = forecast(network, task.known, num_samples=SAMPLES, quantiles=LEVELS, seed=seed, threads=available_cores())
    return loss_of(task, np.stack([one.quantiles for one in own], axis=1))


def naive_loss(task: Task) -> tuple[float, float]:
    """Of what came a season before, taken for every quantile; of the season's mean where that is missing."""
    steps, season = task.asked.prediction_length, task.season
    last = np.stack([one.target[-season:] for one in task.known])  # (series, season)
    last = np.where(np.isnan(last), np.nanmean(last, axis=1, keepdims=True), last)
    repeated = np.tile(last, -(-steps // season))[:, :steps]
    return loss_of(task, np.broadcast_to(repeated, (len(LEVELS), *repeated.shape)))


def loss_of(task: Task, quantiles: Floats) -> tuple[float, float]:
    """Of all series together, and the mean of each one's own, but for those of zeros only.

    `quantiles`: (levels, series, steps).
    """
    some = np.flatnonzero(np.abs(task.observed).sum(axis=1))
    own = [_loss(task.observed[index], quantiles[:, index]) for index in some]
    return _loss(task.observed, quantiles), float(np.mean(own))


def _loss(observed: Floats, quantiles: Floats) -> float:
    return metrics_of(losses_of(observed, quantiles.mean(axis=0), quantiles, LEVELS), LEVELS)["mean_wQuantileLoss"]


def replace_epochs(task: Task, epochs: int) -> Task:
    return replace(task, asked=replace(task.asked, epochs=epochs))


TRAINERS = ("native", "mxnet", "gluonts")
NETWORKS = ("gluonts", "sagemaker")

if __name__ == "__main__":
    main()
