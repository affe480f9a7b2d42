"""The server's metrics, for Prometheus.

    forecastle_requests_total{path, status}      answered requests; status "none" if the client disconnected
    forecastle_request_seconds{path}             time from a request's head to the end of its answer
    forecastle_stage_seconds{stage}              time of a prediction's stages: decode, queue, predict, encode
    forecastle_requests_in_flight                requests whose head has come and whose answer has not ended
    forecastle_refusals_total{reason}            requests that were not answered with 2xx, by the kind of error
    forecastle_rows_total                        rows or series that were predicted
    forecastle_queue_requests                    requests waiting or being predicted
    forecastle_batch_requests                    requests predicted together
    forecastle_model_loaded{model}               1 once a model is loaded and warmed up
    forecastle_event_loop_lag_seconds            how late the event loop was, sampled twenty times a second, excluding
                                                 time in which the process was stopped or got no CPU

With several workers the values are totals, kept in shared files; those of the process itself (memory, CPU) are reported
only if there is a single one.
"""

import functools
import os
import re
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from forecastle.contract.errors import ForecastleError
from forecastle.serving.prediction import Times

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600)
REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def shared_folder(environ: MutableMapping[str, str]) -> Path:
    """A new folder in which the processes that are forked from now on add up their metrics; the caller removes it.

    `environ` is the process's own environment: prometheus_client finds the folder there when it is imported and when a
    metric is created, and takes no parameter.
    """
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="forecastle-", dir=memory if os.access(memory, os.W_OK) else None)
    environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    return Path(folder)


def forget_process(folder: Path, pid: int) -> None:
    """Drop the gauges of a process that has ended; its counters remain."""
    for gauges in folder.glob(f"gauge_live*_{pid}.db"):
        gauges.unlink(missing_ok=True)


def reason_of(error: type[Exception]) -> str:
    """The name of an error's type in a label, such as `invalid_data`; that of a bug is `internal_error`."""
    if not issubclass(error, ForecastleError) and error.__name__ != "Disconnected":
        return "internal_error"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower()


class Metrics:
    """The metrics of this process, and the text that a scraper reads: totals of all processes that share the folder."""

    def __init__(self, shared: Path | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self._shared = shared
        self._registry = registry = CollectorRegistry()
        if shared is None:
            ProcessCollector(registry=registry)
        self._requests = Counter("forecastle_requests", "Answered requests.", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "forecastle_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        stages = Histogram(
            "forecastle_stage_seconds",
            "Time of a prediction's stages.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._decode, self._queue, self._predict, self._encode = (
            stages.labels(stage) for stage in ("decode", "queue", "predict", "encode")
        )
        self.in_flight = Gauge(
            "forecastle_requests_in_flight",
            "Requests whose head has come and whose answer has not ended.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        refusals = Counter(
            "forecastle_refusals", "Requests that were not answered with 2xx.", ["reason"], registry=registry
        )
        self._rows = Counter("forecastle_rows", "Rows or series that were predicted.", registry=registry)
        self.queue = Gauge(
            "forecastle_queue_requests",
            "Requests waiting or being predicted.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.batch = Histogram(
            "forecastle_batch_requests", "Requests predicted together.", buckets=REQUESTS, registry=registry
        )
        self.loaded = Gauge(
            "forecastle_model_loaded",
            "1 once a model is loaded and warmed up.",
            ["model"],
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.lag = Histogram(
            "forecastle_event_loop_lag_seconds",
            "How late the event loop was, excluding time in which the process could not run.",
            buckets=SECONDS,
            registry=registry,
        )
        # Looking up a child by its labels costs as much as counting, so the few children are cached.
        self._counter = functools.cache(self._requests.labels)
        self._histogram = functools.cache(self._seconds.labels)
        self._refusal = functools.cache(refusals.labels)

    def count(self, path: str, status: int | None, seconds: float) -> None:
        """Count one answered request."""
        self._counter(path, "none" if status is None else str(status)).inc()
        self._histogram(path).observe(seconds)

    def count_prediction(self, times: Times) -> None:
        """Count the stages that a prediction took, and its rows."""
        if times.decode is not None:
            self._decode.observe(times.decode)
        if times.queue is not None:
            self._queue.observe(times.queue)
        if times.predict is not None:
            self._predict.observe(times.predict)
            self._rows.inc(times.rows)
        if times.encode is not None:
            self._encode.observe(times.encode)

    def count_refusal(self, error: type[Exception]) -> None:
        """Count a request that ended with an error of this type."""
        self._refusal(reason_of(error)).inc()

    def text(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = self._registry
        if self._shared is not None:
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
