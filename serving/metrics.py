"""The server's metrics, for Prometheus.

    forecastle_requests_total{path, status}      answered requests; status "none" if the client disconnected
    forecastle_request_seconds{path}             time from a request's head to the end of its answer
    forecastle_queue_requests                    requests waiting or being predicted
    forecastle_batch_requests                    requests predicted together
    forecastle_model_loaded{model}               1 once a model is loaded and warmed up
    forecastle_event_loop_lag_seconds            how late the event loop was, sampled twenty times a second, without the
                                                 time in which the process was stopped or got no CPU

With several workers the values are totals, kept in shared files; those of the process itself (memory, CPU) are reported
only if there is a single one.
"""

import functools
import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

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


class Metrics:
    """The metrics of this process, and the text that a scraper reads: the totals of all that share a folder, if any."""

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
        self.queue = Gauge(
            "forecastle_queue_requests",
            "Requests that wait or are predicted.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.batch = Histogram(
            "forecastle_batch_requests", "Requests that were predicted together.", buckets=REQUESTS, registry=registry
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
            "How late the event loop was, but for the time in which the process was kept from running.",
            buckets=SECONDS,
            registry=registry,
        )
        # Looking up a child by its labels costs as much as counting, so children are cached; there are few paths.
        self._counter = functools.cache(self._requests.labels)
        self._histogram = functools.cache(self._seconds.labels)

    def count(self, path: str, status: int | None, seconds: float) -> None:
        """Count one answered request."""
        self._counter(path, "none" if status is None else str(status)).inc()
        self._histogram(path).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = self._registry
        if self._shared is not None:
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
