"""What is being compiled, and its time: for progress bars, and for measured times without compilation.

Importing this loads no compiler: `forecastle.kernels.compiled` reports to it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Compilation:
    """All compilation in this process so far.

    Kernels are compiled one at a time, under the compiler's own lock; a kernel that calls another begins before it
    and ends after it.
    """

    known: set[str] = field(default_factory=set)  # kernels, and parts of them, of the modules that are imported
    compiled: set[str] = field(
        default_factory=set
    )  # those that were compiled, and numba's own functions compiled for them
    seconds: float = 0.0  # of wall time, without the compilation that is running
    _watchers: list[Callable[[bool], None]] = field(default_factory=list)
    _depth: int = 0
    _since: float = 0.0

    def begin(self) -> None:
        if self._depth == 0:
            self._since = time.monotonic()
        self._depth += 1
        self._notify()

    def end(self, name: str) -> None:
        self._depth -= 1
        self.compiled.add(name)
        if self._depth == 0:
            self.seconds += time.monotonic() - self._since
        self._notify()

    @property
    def share(self) -> float:
        """The share of the known kernels that was compiled, in [0, 1): a process rarely needs all of them."""
        return len(self.compiled & self.known) / (len(self.known) + 1)

    @contextmanager
    def watched(self, watcher: Callable[[bool], None]) -> Iterator[None]:
        """Call `watcher` when the compilation of a kernel begins or ends, with whether any is still running."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def _notify(self) -> None:
        for watcher in tuple(self._watchers):
            watcher(self._depth > 0)


COMPILATION = Compilation()
