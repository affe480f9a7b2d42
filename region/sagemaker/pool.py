"""A queue of jobs, of which a limited number run at the same time."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from forecastle.region.cores import available_cores


class Runnable(Protocol):
    """A job."""

    name: str

    def run(self) -> None: ...

    def stop(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """Kill it."""


class Pool:
    """Jobs in the order of their creation.

    Parameters
    ----------
    at_once : how many run at the same time; None for one for each two cores.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._cores = available_cores()
        self._pool = ThreadPoolExecutor(at_once or max(1, self._cores // 2), thread_name_prefix="job")
        self._running = 0
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[Runnable, Future[None]]] = {}

    def add(self, job: Runnable) -> None:
        """Queue a job."""
        with self._lock:
            self._jobs[job.name] = (job, self._pool.submit(self._run, job))

    def share(self) -> int:
        """The number of cores for each running job."""
        return max(1, self._cores // max(1, self._running))

    def stop(self, name: str) -> bool:
        """Ask a job to stop; true if it had not started and was removed from the queue."""
        with self._lock:
            job, future = self._jobs.get(name, (None, None))
            if job is None or future is None:
                return False
            if future.cancel():
                self._jobs.pop(name)
                return True
        job.stop()
        return False

    def _run(self, job: Runnable) -> None:
        with self._lock:
            self._running += 1
        try:
            job.run()
        finally:
            with self._lock:
                self._running -= 1
                self._jobs.pop(job.name, None)

    def close(self) -> None:
        """Kill all jobs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            jobs = [job for job, future in self._jobs.values() if not future.done()]
        for job in jobs:
            job.kill()
        self._pool.shutdown(wait=True)
