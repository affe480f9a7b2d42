"""Times of two things measured in turn, so that a machine's moods hit both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of ours and of theirs, medians, and the median of the ratios theirs / ours, run by run."""

    ours: float
    theirs: float
    ratio: float


def in_turn(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> Pair:
    """Run both once uncounted, then `runs` times in turn."""
    ours()
    theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    return Pair(
        statistics.median(mine for mine, _ in times),
        statistics.median(other for _, other in times),
        statistics.median(other / mine for mine, other in times),
    )


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
