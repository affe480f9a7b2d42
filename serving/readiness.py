"""Whether every worker is ready."""

import mmap


class Readiness:
    """A flag per worker in shared memory, set once its model is loaded and warmed up."""

    def __init__(self, workers: int) -> None:
        self._flags = mmap.mmap(-1, workers)

    def set(self, worker: int) -> None:
        self._flags[worker] = 1

    def has(self, worker: int) -> bool:
        return self._flags[worker] == 1

    def has_all(self) -> bool:
        return self._flags.find(b"\0", 0) == -1
