"""A pool of threads for all kernels of the process."""

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

    `work` should release the GIL, and must write only to its own block, so that the result does not depend on the
    number of threads or their order. The first exception of a block is raised.

    Parameters
    ----------
    count : items in all.
    block : maximum number of items per call; a single block runs in the caller's thread.
    threads : maximum number of threads; by default one for each available core.
    """
    threads = available_cores() if threads is None else threads
    starts = range(0, count, block)
    if threads == 1 or len(starts) <= 1:
        for start in starts:
            work(start, min(start + block, count))
        return
    # Each free thread, also the caller's, takes the next block: cores that are also used by others are slower.
    left = iter(starts)  # the GIL ensures that each block goes to one thread

    def take_blocks() -> None:
        for start in left:
            work(start, min(start + block, count))

    others = [_pool().submit(take_blocks) for _ in range(1, min(threads, len(starts)))]
    try:
        take_blocks()
    finally:
        wait(others)
    for other in others:
        other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=max(1, available_cores()), thread_name_prefix="kernel")
