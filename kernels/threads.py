"""One pool of threads for all kernels of the process."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait


def available_cores() -> int:
    """The cores this process may run on."""
    return len(os.sched_getaffinity(0))


def in_parallel(
    work: Callable[[int, int], None],
    count: int,
    *,
    block: int,
    threads: int | None = None,
) -> None:
    """Call `work(start, stop)` for consecutive blocks of `range(count)`, on up to `threads` threads.

    `work` must release the GIL to gain from it, and write only what belongs to its own block, so that the outcome
    depends neither on the number of threads nor on their order. The first exception of a block is raised.

    Parameters
    ----------
    count : items in all.
    block : items a call gets at the most; what fits one block runs in the caller's thread.
    threads : as many at the most; by default one for each available core.
    """
    threads = available_cores() if threads is None else threads
    starts = range(0, count, block)
    if threads == 1 or len(starts) <= 1:
        for start in starts:
            work(start, min(start + block, count))
        return
    # Whoever is free takes the next block, the caller too: cores are not equally fast when others use them as well.
    left = iter(starts)  # which gives each block to one thread alone, by the GIL

    def lane() -> None:
        for start in left:
            work(start, min(start + block, count))

    others = [_pool().submit(lane) for _ in range(1, min(threads, len(starts)))]
    try:
        lane()
    finally:
        wait(others)
    for other in others:
        other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=max(1, available_cores()), thread_name_prefix="kernel")
