"""One pool of threads for all kernels."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.kernels.threads import available_cores, in_parallel


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 300), st.integers(1, 5))
def test_every_item_is_worked_on_once_whatever_the_blocks_and_threads(count: int, block: int, threads: int) -> None:
    done = np.zeros(count, np.int64)
    sizes: list[int] = []

    def work(start: int, stop: int) -> None:
        done[start:stop] += 1
        sizes.append(stop - start)

    in_parallel(work, count, block=block, threads=threads)
    assert (done == 1).all()
    assert all(0 < size <= block for size in sizes)


def test_what_fits_one_block_runs_in_the_callers_thread() -> None:
    calls: list[tuple[int, int, threading.Thread]] = []
    in_parallel(lambda start, stop: calls.append((start, stop, threading.current_thread())), 10, block=10, threads=4)
    assert calls == [(0, 10, threading.current_thread())]


def test_the_caller_gets_a_blocks_exception_after_all_others_are_done() -> None:
    done: list[int] = []

    def work(start: int, stop: int) -> None:
        if start == 1:
            raise ZeroDivisionError
        done.extend(range(start, stop))

    with pytest.raises(ZeroDivisionError):
        in_parallel(work, 4, block=1, threads=2)
    assert sorted(done) in ([0, 2], [0, 2, 3])  # the thread that failed goes no further


def test_callers_in_several_threads_do_not_wait_for_each_other_for_ever() -> None:
    worked = np.zeros((8, 200), np.bool_)

    def call(caller: int) -> None:
        def work(start: int, stop: int) -> None:
            worked[caller, start:stop] = True

        in_parallel(work, 200, block=1)

    callers = [threading.Thread(target=call, args=[caller]) for caller in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert worked.all()


def test_there_is_at_least_one_core() -> None:
    assert available_cores() >= 1
