"""DeepAR's accuracy on real series: our engines, GluonTS' estimator with the same settings, and seasonal naive.

    python -m benchmarks.deepar_parity [--json] [--seeds 5] [--epochs 50] [--only m4_hourly,electricity]
                                       [--trainers native,mxnet,gluonts] [--network sagemaker,gluonts]
                                       [--variants plain,cosine] [--calibrate] [--processes 8]

For each training: mean weighted quantile loss (lower is better) of the deciles of 100 paths, of all series together,
and the mean of each one's own; then the share of values in the band from 0.1 to 0.9, which should be 0.8. The loss of
all depends on the largest series, two of which are three eighths of M4's sum; the mean of each one's own says nothing
on `monthly`, where some series sell next to nothing. `deepar_tasks` says what is forecast.

Our trainings give several networks at once: those after the last and after the best epoch, and averages of the weights
of a share of the epochs, the last ones or those around the best. `--variants` are other ways to train, see
`deepar_variants`. `--calibrate` trains another network without the ends of the series, and adds the calibrated
quantiles.

In this folder, `deepar_averaging.json` has the loss of all, the mean of each one's own and the share in the band, of
each of our trainings, with ten or five seeds. `deepar_parity.json` and `deepar_networks.json` are older: a pair of
losses of the best epoch's network for each seed. The first is of the trainers, on `m4_hourly` and `electricity` (100
and 50 epochs); the second of `--trainers native --network gluonts,sagemaker` on all tasks: five seeds, 15 on
`electricity` and `taxi`; 100 epochs, 50 on those two, `electricity_missing` and `m4_short`.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import gluonts_mxnet
from benchmarks.deepar_tasks import EPOCHS, TASKS, Task
from benchmarks.deepar_variants import VARIANTS, Variant
from benchmarks.engine_speed import settings_of
from benchmarks.gluonts_mxnet import Floats
from forecastle.algorithms.deepar.inference.calibration import LOWER, Calibration
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.averaging import WeightAverage
from forecastle.algorithms.deepar.training.calibration import calibrate, hold_out
from forecastle.algorithms.deepar.training.epochs import run
from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.train import new_learner
from forecastle.algorithms.deepar.training.windows import WindowSource

DECILES = [tenth / 10 for tenth in range(1, 10)]
LEVELS = [*sorted(LOWER), 0.5, *(1 - level for level in LOWER)]  # from which those of a calibration are interpolated
BANDS = {0.8: (0.1, 0.9), 0.6: (0.2, 0.8), 0.4: (0.3, 0.7), 0.2: (0.4, 0.6)}
SAMPLES = 100
SHARE = 0.25
TRAINERS = ("native", "mxnet", "gluonts")
NETWORKS = ("sagemaker", "gluonts")


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained: a task by an engine, or by GluonTS."""

    task: str
    trainer: str
    network: str
    variant: str
    seed: int
    epochs: int
    calibrate: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Of all series together, the mean of each one's own loss, and the share of values in each band."""

    loss: float
    own_loss: float
    coverage: Mapping[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="epochs of each, by default those of the task")
    parser.add_argument("--only", default="m4_hourly,electricity", help=f"the tasks to run, of {', '.join(TASKS)}")
    parser.add_argument("--trainers", default=",".join(TRAINERS), help="who trains: engines of ours, or gluonts")
    parser.add_argument("--network", default="gluonts", help=f"the kinds that native trains, of {', '.join(NETWORKS)}")
    parser.add_argument("--variants", default="plain", help=f"of native's training, of {', '.join(VARIANTS)}")
    parser.add_argument("--calibrate", action="store_true", help="add calibrated quantiles")
    parser.add_argument("--processes", type=int, default=1, help="trainings at the same time, one thread each")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MXNET_OMP_MAX_THREADS": "1"}  # read as MXNet is imported
    trainings = list(_trainings(arguments))
    results: dict[str, dict[str, list[Score]]] = {}
    for name in arguments.only.split(","):
        results[name] = {"naive": [naive_score(TASKS[name]())]}
    for training, scores in _done(trainings, arguments.processes):
        who = " ".join(
            [training.trainer, training.network] + ([training.variant] if training.variant != "plain" else [])
        )
        for kept, score in scores.items():
            results[training.task].setdefault(f"{who}, {kept}", []).append(score)
            print(
                f"{training.task:16} {who}, {kept}: seed {training.seed}, {_text([score])}", file=sys.stderr, flush=True
            )
    if arguments.json:
        texts = {
            task: {who: [asdict(score) for score in scores] for who, scores in found.items()}
            for task, found in results.items()
        }
        print(json.dumps({"scores": texts}))
        return
    for task, found in results.items():
        for who, of_all in sorted(found.items()):
            print(f"{task:16} {who:50} {_text(of_all)}  of {len(of_all)}")


def _trainings(arguments: argparse.Namespace) -> Iterator[Training]:
    """Those of all tasks with the first seed, then with the second."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for seed in seeds:
        for task in arguments.only.split(","):
            epochs = arguments.epochs or EPOCHS[task]
            for trainer in arguments.trainers.split(","):
                own = trainer == "native"
                for network in arguments.network.split(",") if own else ["gluonts"]:
                    for variant in arguments.variants.split(",") if own else ["plain"]:
                        yield Training(task, trainer, network, variant, seed, epochs, arguments.calibrate and own)


def _done(trainings: Sequence[Training], processes: int) -> Iterable[tuple[Training, dict[str, Score]]]:
    if processes == 1:
        yield from ((training, scores_of(training)) for training in trainings)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        asked = {pool.submit(scores_of, training): training for training in trainings}
        for future in as_completed(asked):
            yield asked[future], future.result()


def scores_of(training: Training) -> dict[str, Score]:
    """The scores of each network that a training gives, by name."""
    task = replace_epochs(TASKS[training.task](), training.epochs)
    with threadpool_limits(1):
        if training.trainer == "gluonts":
            predictor, _ = gluonts_mxnet.train(task.train, task.asked, training.seed)
            peer = gluonts_mxnet.predict(predictor, task.known, task.asked.freq, SAMPLES, DECILES)
            return {"best": score_of(task, np.stack([quantiles for _, quantiles, _ in peer], axis=1))}
        networks = trained(training, task, task.train)
        grids = {kept: _grid(network, task.known, training.seed) for kept, network in networks.items()}
        scores = {kept: score_of(task, at_levels(grid, DECILES)) for kept, grid in grids.items()}
        if training.calibrate:
            scores |= _calibrated(training, task, grids)
    return scores


def _calibrated(training: Training, task: Task, grids: Mapping[str, Floats]) -> dict[str, Score]:
    """The scores of calibrated quantiles.

    Those of the networks in `grids`, calibrated by another network that was trained on less; and, for comparison, of
    that network itself, as it is and calibrated.
    """
    held_out = hold_out(task.train, task.asked.prediction_length)
    others = trained(training, task, held_out.train)
    scores: dict[str, Score] = {}
    for kept in ("last", f"average {SHARE}"):
        calibration = calibrate(others[kept], held_out, 1, lambda: False)
        assert calibration is not None
        grid = _grid(others[kept], task.known, training.seed)
        scores[f"{kept}, calibrated"] = score_of(task, _recalibrated(grids[kept], calibration))
        scores[f"{kept}, trained on less"] = score_of(task, at_levels(grid, DECILES))
        scores[f"{kept}, trained on less, calibrated"] = score_of(task, _recalibrated(grid, calibration))
    return scores


def trained(training: Training, task: Task, series: Sequence[Series]) -> dict[str, Network]:
    """The networks of one training; it never ends early."""
    augmentation = 1.0 if training.variant == "scaled" else 0.0
    settings = settings_of(task.asked, series, training.seed, network=training.network, scale_augmentation=augmentation)
    learner = VARIANTS[training.variant](new_learner(training.trainer, settings, 1), settings)
    kept = Kept(learner, settings)
    run(learner, WindowSource(series, settings), settings, kept, lambda: False, None)
    return kept.networks()


class Kept:
    """A `Watcher` that keeps the networks after the last and the best epoch, and averages."""

    def __init__(self, learner: Variant, settings: Settings) -> None:
        self._learner, self._settings = learner, settings
        self._losses: list[float] = []
        self._averages = {f"average {share}": WeightAverage(share, patient=False) for share in (0.1, SHARE, 0.5)}
        self._averages["average around the best"] = WeightAverage(SHARE, patient=True)

    def ready(self, epoch: int) -> None:
        del epoch

    def notice(self, sentence: str) -> None:
        del sentence

    def batch(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        del epoch, batch, losses

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        del windows
        self._losses.append(loss)
        self._last = self._learner.network()
        if improved:
            self._best = self._last
        for average in self._averages.values():
            average.add(self._last.arrays(), self._losses)
        self._learner.progress = (epoch + 1) / self._settings.given.epochs

    def networks(self) -> dict[str, Network]:
        averages = {name: average.average(self._losses) for name, average in self._averages.items()}
        means = {name: self._settings.network(found.arrays) for name, found in averages.items() if found is not None}
        return {"last": self._last, "best": self._best} | means


def trained_loss(trainer: str, task: Task, seed: int) -> tuple[float, float]:
    """The losses of the best epoch's network; of GluonTS' kind, unless the trainer is native's and names another."""
    if trainer == "gluonts":
        predictor, _ = gluonts_mxnet.train(task.train, task.asked, seed)
        peer = gluonts_mxnet.predict(predictor, task.known, task.asked.freq, SAMPLES, DECILES)
        score = score_of(task, np.stack([quantiles for _, quantiles, _ in peer], axis=1))
    else:
        engine, _, kind = trainer.partition(" ")
        training = Training("", engine, kind or "gluonts", "plain", seed, task.asked.epochs)
        network = trained(training, task, task.train)["best"]
        score = score_of(task, at_levels(_grid(network, task.known, seed), DECILES))
    return score.loss, score.own_loss


def naive_loss(task: Task) -> tuple[float, float]:
    """Of what came a season before, taken for every quantile."""
    score = naive_score(task)
    return score.loss, score.own_loss


def naive_score(task: Task) -> Score:
    """Of what came a season before, taken for every quantile; of the season's mean where that is missing."""
    steps, season = task.asked.prediction_length, task.season
    last = np.stack([one.target[-season:] for one in task.known])  # (series, season)
    last = np.where(np.isnan(last), np.nanmean(last, axis=1, keepdims=True), last)
    repeated = np.tile(last, -(-steps // season))[:, :steps]
    return score_of(task, np.broadcast_to(repeated, (len(DECILES), *repeated.shape)))


def score_of(task: Task, quantiles: Floats) -> Score:
    """`quantiles`: the deciles, (levels, series, steps). The mean of each one's own loss leaves out those of zeros."""
    some = np.flatnonzero(np.abs(task.observed).sum(axis=1))
    own = [_loss(task.observed[index], quantiles[:, index]) for index in some]
    observed = ~np.isnan(task.observed)
    coverage = {}
    for band, (low, high) in BANDS.items():
        lower, upper = quantiles[DECILES.index(low)], quantiles[DECILES.index(high)]
        coverage[band] = float(((lower <= task.observed) & (task.observed <= upper))[observed].mean())
    return Score(_loss(task.observed, quantiles), float(np.mean(own)), coverage)


def at_levels(grid: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles of other levels, (levels, series, steps), from those of `LEVELS`."""
    places = np.interp(levels, LEVELS, np.arange(len(LEVELS)))
    below = np.minimum(places.astype(int), len(LEVELS) - 2)
    share = (places - below)[:, None, None]
    quantiles: Floats = grid[below] * (1 - share) + grid[below + 1] * share
    return quantiles


def _recalibrated(grid: Floats, calibration: Calibration) -> Floats:
    return at_levels(grid, [calibration.level(level) for level in DECILES])


def _grid(network: Network, known: Sequence[Series], seed: int) -> Floats:
    """The quantiles of `LEVELS`, (levels, series, steps)."""
    own = forecast(network, known, num_samples=SAMPLES, quantiles=LEVELS, seed=seed, threads=1)
    return np.stack([one.quantiles for one in own], axis=1)


def _loss(observed: Floats, quantiles: Floats) -> float:
    return metrics_of(losses_of(observed, quantiles.mean(axis=0), quantiles, DECILES), DECILES)["mean_wQuantileLoss"]


def _text(scores: Sequence[Score]) -> str:
    rows = np.array([(score.loss, score.own_loss, score.coverage[0.8]) for score in scores])
    return "  ".join(f"{mean:.4f} ± {std:.4f}" for mean, std in zip(rows.mean(axis=0), rows.std(axis=0)))


def replace_epochs(task: Task, epochs: int) -> Task:
    return replace(task, asked=replace(task.asked, epochs=epochs))


if __name__ == "__main__":
    main()
