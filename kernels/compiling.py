"""What is being compiled, and how long it took: for progress bars, and for times that leave it out.

Importing this loads no compiler: `forecastle.kernels.compiled` reports to it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Compilation:
    """All compilation in this process so far.

    Kernels are compiled one at a time, under the compiler's own lock; a kernel that calls another is begun before it
    and ended after it.
    """

    known: set[str] = field(default_factory=set)  # kernels, and parts of them, of the modules that are imported
    compiled: set[str] = field(default_factory=set)  # those that were, and what numba itself has compiled for them
    seconds: float = 0.0  # of wall time, without what is still running
    _watchers: list[Callable[[bool], None]] = field(default_factory=list)
    _depth: int = 0
    _since: float = 0.0

    def begin(self) -> None:
        if self._depth == 0:
            self._since = time.monotonic()
        self._depth += 1
        self._tell()

    def end(self, name: str) -> None:
        self._depth -= 1
        self.compiled.add(name)
        if self._depth == 0:
            self.seconds += time.monotonic() - self._since
        self._tell()

    @property
    def share(self) -> float:
        """How much of what is known was compiled, in [0, 1): a process seldom needs all of it."""
        return len(self.compiled & self.known) / (len(self.known) + 1)

    @contextmanager
    def watched(self, watcher: Callable[[bool], None]) -> Iterator[None]:
        """Call `watcher` whenever a kernel is begun or ended, with whether any is still being compiled."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def _tell(self) -> None:
        for watcher in tuple(self._watchers):
            watcher(self._depth > 0)


COMPILATION = Compilation()
