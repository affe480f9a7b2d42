"""Training jobs that run, and those that wait for cores."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from forecastle.kernels.threads import available_cores
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.training.job import Job
from forecastle.region.sagemaker.training.status import move


class Queue:
    """As many jobs at a time as there are pairs of cores; one that is alone has all of them."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or available_cores()
        self._slots = max(1, self._cores // 2)
        self._pool = ThreadPoolExecutor(self._slots, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[Job, Future[None]]] = {}
        self._running = 0

    def add(self, region: LocalRegion, name: str) -> None:
        """Run the job of that name when its turn comes."""
        with self._lock:
            job = Job(region, name, self._cores)
            self._jobs[name] = (job, self._pool.submit(self._run, job))

    def stop(self, region: LocalRegion, name: str) -> None:
        """Stop a job, whether it runs or waits."""
        with self._lock:
            job, future = self._jobs.get(name, (None, None))
        if job is None or future is None:
            return
        if future.cancel():
            move(region, name, "Stopped")
        else:
            job.stop()

    def close(self) -> None:
        """End all of them at once."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            jobs = [job for job, future in self._jobs.values() if not future.done()]
        for job in jobs:
            job.kill()
        self._pool.shutdown(wait=True)

    def _run(self, job: Job) -> None:
        with self._lock:
            self._running += 1
            job.threads = max(1, self._cores // self._running)
        try:
            job.run()
        finally:
            with self._lock:
                self._running -= 1
                self._jobs.pop(job.name, None)
