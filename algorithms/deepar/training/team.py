"""The hosts that train one network together: the parts of a batch that each computes, and what they agree on."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.group import Group


class Team:
    """The hosts of `group`; `stopping` says whether this one was asked to stop.

    Attributes
    ----------
    waited : the seconds that this host has spent on exchanges, including the time until the slowest host was ready.
    """

    def __init__(self, group: Group, stopping: Callable[[], bool]) -> None:
        self.size, self.leads, self.waited = group.size, group.leads, 0.0
        self._group = group
        self._stopping = stopping
        self._agreed = False

    def shares(self, count: int) -> range:
        """This host's part of `count` shares."""
        number, size = self._group.number, self._group.size
        return range(number * count // size, (number + 1) * count // size)

    def exchange(self, numbers: Floats, combine: Callable[[Floats], Floats]) -> Floats:
        """Each host gives `numbers`, (n,), and gets what the leading one combines of them, (hosts, n)."""

        def combined(parts: Sequence[bytes]) -> bytes:
            rows = np.stack([np.frombuffer(part, np.float32) for part in parts])
            return np.append(combine(rows[:, :-1]), rows[:, -1].any()).astype(np.float32).tobytes()

        began = time.perf_counter()
        part = np.append(numbers, self._stopping()).astype(np.float32)
        result = np.frombuffer(self._group.exchange(part.tobytes(), combined), np.float32)
        self.waited += time.perf_counter() - began
        self._agreed = bool(result[-1])
        return result[:-1]

    def stopping(self) -> bool:
        """Whether a host was asked to stop before the last exchange: the same on all hosts."""
        return self._stopping() if self.size == 1 else self._agreed
