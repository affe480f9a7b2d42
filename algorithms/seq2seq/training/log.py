"""The log lines of a training job.

No log of SageMaker's algorithm is public. These lines have the forms of its other algorithms; what they say is ours.
"""

import time

from forecastle.algorithms.interface import JobLog
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.learner import Outcome
from forecastle.algorithms.seq2seq.training.validation import Metrics, metrics_of

REPORTED_EVERY = 50  # batches


class TrainingLog:
    """Writes the progress of a training to a job's log."""

    def __init__(self, log: JobLog, given: Seq2SeqHyperparameters, batches: int, limit: int | None) -> None:
        self._log, self._given = log, given
        self._batches = batches  # of an epoch
        self._limit = limit  # batches in all; None if early stopping alone ends the training
        self._began = self._clock = time.time()
        self._recent, self._pairs, self._epoch_pairs = Outcome(0.0, 0, 0), 0, 0

    def notice(self, sentence: str) -> None:
        self._log.line(sentence)

    def batch(self, done: int, pairs: int, outcome: Outcome) -> None:
        """A batch of `pairs` pairs is trained, the one with the number `done`, counted from 1."""
        self._recent += outcome
        self._pairs += pairs
        self._epoch_pairs += pairs
        epoch, batch = divmod(done - 1, self._batches)
        name = self._given.training_metric
        if done % REPORTED_EVERY == 0:
            value, now = metrics_of(self._recent)[name], time.time()
            host, speed = self._log.host, self._pairs / max(now - self._clock, 1e-9)
            # CloudWatch shows a tab as #011, and parsers expect what it shows.
            self._log.line(
                f"Epoch[{epoch}] Batch [{batch + 1}]#011Speed: {speed:.2f} samples/sec#011{name}={value:.6f}"
            )
            self._log.line(
                f"#quality_metric: host={host}, epoch={epoch}, batch={batch + 1} train {name} <score>={value}"
            )
            self._recent, self._pairs, self._clock = Outcome(0.0, 0, 0), 0, now
        share = (done / self._limit) if self._limit else (batch + 1) / self._batches
        self._log.progress(min(share, 0.999), f"epoch {epoch + 1}, batch {batch + 1} of {self._batches}")
        if batch + 1 == self._batches:
            self._end_epoch(epoch)

    def checkpoint(self, number: int, done: int, metrics: Metrics, improved: bool, rate: float) -> None:
        """The model was validated after `done` batches, for the time `number`, counted from 1."""
        epoch = (done - 1) // self._batches
        for name, value in metrics.items():
            self._log.line(f"#quality_metric: host={self._log.host}, epoch={epoch}, validation {name} <score>={value}")
        verdict = "best so far" if improved else "not improved"
        self._log.line(
            f"Checkpoint [{number}] after {done} batches: {self._given.optimized_metric} {verdict}, "
            f"learning rate {rate:.3g}"
        )

    def _end_epoch(self, epoch: int) -> None:
        log, took = self._log, max(time.time() - self._began, 1e-9)
        log.metrics("training", self._began, {"update.time": [1000 * took]})
        log.line(f"#throughput_metric: host={log.host}, train throughput={self._epoch_pairs / took} records/second")
        if self._limit:
            share = 100 * min((epoch + 1) * self._batches / self._limit, 1.0)
            log.line(f"#progress_metric: host={log.host}, completed {share} % of epochs")
        self._began, self._epoch_pairs = time.time(), 0
