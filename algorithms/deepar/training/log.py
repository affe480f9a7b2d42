"""The log lines of a training job, as SageMaker writes them."""

import os
import time
from pathlib import Path

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.training.dataset import Dataset, Statistics, statistics
from forecastle.algorithms.interface import JobLog

REPORTED_EVERY = 5  # batches


class TrainingLog:
    """Writes the progress of a training to a job's log: a `Watcher`.

    A batch's loss is the mean of the batches since the last report, and so equals `avg_epoch_loss`, the mean of the
    epoch so far, only in the first two reports, as in MXNet's `Speedometer`, which writes SageMaker's lines. All
    batches have the same weight, even if the last one has fewer windows, as in every public log of such a job.
    """

    def __init__(self, log: JobLog, given: DeepARHyperparameters, windows: int) -> None:
        self._log = log
        self._epochs = given.epochs
        self._patient = given.early_stopping_patience is not None
        self._expected = windows  # in an epoch, on average
        self._began = time.time()
        self._remaining: dict[str, list[float]] = {}  # the epochs to come, until they are reported
        self._of_epoch, self._recent, self._clock, self._windows = Mean(), Mean(), 0.0, 0

    def ready(self, epoch: int) -> None:
        self._log.line(f"#memory_usage::<model> = {_resident_bytes() >> 20} mb")
        self._log.metrics("training", self._began, {"initialize.time": [1000 * (time.time() - self._began)]})
        self._remaining = {"epochs": [self._epochs - epoch]}
        self._began = time.time()

    def notice(self, sentence: str) -> None:
        self._log.line(sentence)

    def batch(self, epoch: int, batch: int, losses: Floats) -> None:
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
                # CloudWatch shows a tab as #011, and parsers expect what it shows.
                line(f"Epoch[{epoch}] Batch [{batch}]#011Speed: {speed:.2f} samples/sec#011loss={loss:.6f}")
                self._recent = Mean()
            self._clock = now
        share = (epoch + min(self._windows / self._expected, 1.0)) / self._epochs
        # At 1 the bar would disappear, and the last epoch may have more windows than an average one.
        note = f"epoch {epoch + 1} of {self._epochs}, loss {self._of_epoch.value:.4f}"
        self._log.progress(min(share, 0.999), note)

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        log, took = self._log, max(time.time() - self._began, 1e-9)
        log.line(f"processed a total of {windows} examples")
        log.metrics("training", self._began, {**self._remaining, "update.time": [1000 * took]})
        log.line(f"#throughput_metric: host={log.host}, train throughput={windows / took} records/second")
        log.line(f"#progress_metric: host={log.host}, completed {100 * (epoch + 1) / self._epochs} % of epochs")
        log.line(f"#quality_metric: host={log.host}, epoch={epoch}, train loss <loss>={loss}")
        if self._patient:
            log.line("best epoch loss so far" if improved else "loss did not improve")
        self._remaining, self._windows = {}, 0
        self._began, self._of_epoch, self._recent = time.time(), Mean(), Mean()


class Mean:
    """The running mean of batches' losses that are finite."""

    def __init__(self) -> None:
        self._sum, self._batches = 0.0, 0

    def add(self, losses: Floats) -> None:
        """Add the losses of a batch's windows, (windows,)."""
        finite = losses[np.isfinite(losses)]
        if len(finite):
            self._sum += float(finite.mean(dtype=np.float64))
            self._batches += 1

    @property
    def value(self) -> float:
        return self._sum / self._batches if self._batches else float("nan")


def log_fields(given: DeepARHyperparameters, train: Dataset, log: JobLog) -> None:
    """Log which of the optional fields with `auto` were found."""
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


def log_statistics(data: Dataset, name: str, log: JobLog) -> Statistics:
    """Compute the statistics of a channel, and log them."""
    numbers = statistics(data.series)
    log.line(f"{name} set statistics:")
    for text in numbers.lines():
        log.line(text)
    return numbers


def _resident_bytes() -> int:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
