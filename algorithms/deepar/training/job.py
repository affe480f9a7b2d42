"""A training job of DeepAR: from a channel's bytes to a network, with SageMaker's log on the way."""

import os
import secrets
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.training.checkpoint import seed_in
from forecastle.algorithms.deepar.training.dataset import Dataset, Statistics, read_dataset, statistics
from forecastle.algorithms.deepar.training.learner import SETTING, require_engine
from forecastle.algorithms.deepar.training.settings import Facts, Settings
from forecastle.algorithms.deepar.training.train import train as train_network
from forecastle.algorithms.deepar.training.windows import work_per_epoch
from forecastle.algorithms.deepar.wish import wish_of_test, wish_of_train
from forecastle.algorithms.interface import Job, JobLog
from forecastle.contract.errors import InvalidData

FEWEST_OBSERVATIONS = 300
REPORTED_EVERY = 5  # batches


def fit(job: Job[DeepARHyperparameters]) -> DeepARModel:
    """Train a network on the train channel, telling the job's log line by line as SageMaker does.

    A job that is stopped by SIGTERM keeps what it learned. Raises `InvalidData` on a fault in the data, `InvalidJob`
    where the hyperparameters do not fit it, `Stopped` on SIGTERM before there was anything to keep.
    """
    given, line = job.hyperparameters, job.log.line
    name = require_engine(os.environ.get(SETTING, ""))
    if given.early_stopping_patience is not None:
        line(f"Using early stopping with patience {given.early_stopping_patience}")
    train = read_dataset(job.channels["train"], wish_of_train(given), given.likelihood, job.stopping)
    _tell_fields(given, train, job.log)
    numbers = _told_statistics(train, "Training", job.log)
    if numbers.observations < FEWEST_OBSERVATIONS:
        raise InvalidData(
            f"Channel train: expected at least {FEWEST_OBSERVATIONS} observations in all, got {numbers.observations}."
        )
    _warn(given, train, numbers, job.log)
    work = work_per_epoch(numbers.series, given.mini_batch_size)
    if work.share < 1:
        line(f"Small number of time series. Doing {work.passes} passes over dataset with prob {work.share} per epoch.")
    if "test" in job.channels and not job.channels["test"].pipe:  # a FIFO is read once, by the evaluation
        wish = wish_of_test(given, train.cardinality, train.num_dynamic_feat, f"the train channel ({train.first})")
        test = read_dataset(job.channels["test"], wish, given.likelihood, job.stopping)
        _told_statistics(test, "Test", job.log)
    line("Number of GPUs being used: 0")
    settings = _settings(given, train, numbers, job.checkpoints)
    trained = train_network(
        train.series,
        settings,
        _Teller(job.log, given, work.windows),
        job.stopping,
        engine=name,
        checkpoints=job.checkpoints,
        threads=job.threads,
    )
    if trained.stopped:
        line("Stopped by SIGTERM: the model is what was learned so far.")
    elif len(trained.losses) < given.epochs:
        line(f"Loading parameters from best epoch ({trained.epoch})")
        line("stopping training now")
        line(f"#progress_metric: host={job.log.host}, completed 100 % of epochs")
    line(f"Final loss: {trained.loss} (occurred at epoch {trained.epoch})")
    line(f"#quality_metric: host={job.log.host}, train final_loss <loss>={trained.loss}")
    return DeepARModel(trained.network, metrics={"train:final_loss": trained.loss}, seed=settings.seed)


class _Teller:
    """Tells a job's log how training goes, as `Watcher` has it.

    A batch's loss is the mean of the batches since the one reported before it, and so `avg_epoch_loss`, the mean of the
    epoch so far, at the first two reports alone: MXNet's `Speedometer` has it so, from which SageMaker's log has these
    lines. Batches count alike, be there few windows in the last one; it has been so in each job whose log is public.
    """

    def __init__(self, log: JobLog, given: DeepARHyperparameters, windows: int) -> None:
        self._log = log
        self._epochs = given.epochs
        self._patient = given.early_stopping_patience is not None
        self._expected = windows  # in an epoch, on average
        self._began = time.time()
        self._ahead: dict[str, list[float]] = {}  # how many epochs there are to come, until it is told
        self._of_epoch, self._recent, self._clock, self._windows = _Mean(), _Mean(), 0.0, 0

    def ready(self, epoch: int) -> None:
        self._log.line(f"#memory_usage::<model> = {_resident_bytes() >> 20} mb")
        self._log.metrics("training", self._began, {"initialize.time": [1000 * (time.time() - self._began)]})
        self._ahead = {"epochs": [self._epochs - epoch]}
        self._began = time.time()

    def notice(self, sentence: str) -> None:
        self._log.line(sentence)

    def batch(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        line = self._log.line
        self._of_epoch.add(losses)
        self._recent.add(losses)
        self._windows += len(losses)
        if batch % REPORTED_EVERY == 0:
            line(f"Epoch[{epoch}] Batch[{batch}] avg_epoch_loss={self._of_epoch.value:.6f}")
            loss, now = self._recent.value, time.perf_counter()
            line(f"#quality_metric: host={self._log.host}, epoch={epoch}, batch={batch} train loss <loss>={loss}")
            if batch:
                speed = REPORTED_EVERY * len(losses) / max(now - self._clock, 1e-9)
                # CloudWatch shows a tab so, and parsers were written for what it shows.
                line(f"Epoch[{epoch}] Batch [{batch}]#011Speed: {speed:.2f} samples/sec#011loss={loss:.6f}")
                self._recent = _Mean()
            self._clock = now
        share = (epoch + min(self._windows / self._expected, 1.0)) / self._epochs
        # At 1 the bar would go, and the last epoch may have more windows than the average one.
        note = f"epoch {epoch + 1} of {self._epochs}, loss {self._of_epoch.value:.4f}"
        self._log.progress(min(share, 0.999), note)

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        log, took = self._log, max(time.time() - self._began, 1e-9)
        log.line(f"processed a total of {windows} examples")
        log.metrics("training", self._began, {**self._ahead, "update.time": [1000 * took]})
        log.line(f"#throughput_metric: host={log.host}, train throughput={windows / took} records/second")
        log.line(f"#progress_metric: host={log.host}, completed {100 * (epoch + 1) / self._epochs} % of epochs")
        log.line(f"#quality_metric: host={log.host}, epoch={epoch}, train loss <loss>={loss}")
        if self._patient:
            log.line("best epoch loss so far" if improved else "loss did not improve")
        self._ahead, self._windows = {}, 0
        self._began, self._of_epoch, self._recent = time.time(), _Mean(), _Mean()


class _Mean:
    """The mean of batches' losses, as far as they have come and are finite."""

    def __init__(self) -> None:
        self._sum, self._batches = 0.0, 0

    def add(self, losses: NDArray[np.float32]) -> None:
        finite = losses[np.isfinite(losses)]
        if len(finite):
            self._sum += float(finite.mean(dtype=np.float64))
            self._batches += 1

    @property
    def value(self) -> float:
        return self._sum / self._batches if self._batches else float("nan")


def _tell_fields(given: DeepARHyperparameters, train: Dataset, log: JobLog) -> None:
    found = {
        "cardinality": ("cat", list(train.cardinality)),
        "num_dynamic_feat": ("dynamic_feat", train.num_dynamic_feat),
    }
    automatic = [name for name in found if getattr(given, name) == "auto"]
    for name in automatic:
        field, value = found[name]
        was, will = ("was", "will") if value else ("was NOT", "will NOT")
        log.line(
            f"[{name}=auto] `{field}` field {was} found in the file `{train.file}` and {will} be used for training."
        )
    for name in automatic:
        if found[name][1]:
            log.line(f"[{name}=auto] Inferred value of {name}={found[name][1]} from dataset.")


def _warn(given: DeepARHyperparameters, train: Dataset, numbers: Statistics, log: JobLog) -> None:
    """Of what trains, and may be a mistake; SageMaker refuses zeros."""
    if numbers.mean_absolute == 0:
        log.warning(
            "Channel train: every value that is not missing is 0, so the model will forecast hardly anything else."
        )
    if given.cardinality != "auto":
        return  # who gives it may train on a part of the data
    for index, size in enumerate(train.cardinality):
        seen = {series.cat[index] for series in train.series}
        if len(seen) < size:
            missing = next(value for value in range(size) if value not in seen)
            log.warning(
                f"Channel train: cat[{index}] has {len(seen)} of the categories from 0 to {size - 1}; {missing}, for "
                "example, is in no record. Those are accepted in requests, though nothing was learned for them: number "
                "categories from 0, without gaps."
            )


def _told_statistics(data: Dataset, name: str, log: JobLog) -> Statistics:
    numbers = statistics(data.series)
    log.line(f"{name} set statistics:")
    for text in numbers.lines():
        log.line(text)
    return numbers


def _settings(given: DeepARHyperparameters, train: Dataset, numbers: Statistics, checkpoints: Path | None) -> Settings:
    seed = given.seed
    if seed is None and checkpoints is not None:
        seed = seed_in(checkpoints)
    facts = Facts(train.cardinality, train.num_dynamic_feat, numbers.mean_absolute)
    return Settings(given, facts, secrets.randbits(63) if seed is None else seed)


def _resident_bytes() -> int:
    """The memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
