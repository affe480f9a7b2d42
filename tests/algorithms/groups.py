"""Groups of hosts that are threads of this process, for tests of what algorithms do with them."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from forecastle.algorithms.group import Group

T = TypeVar("T")


class _Table:
    """What the hosts of a group share: the parts of a round, and its result."""

    def __init__(self, size: int) -> None:
        self.parts: list[bytes] = [b""] * size
        self.result = b""
        self.barrier = threading.Barrier(size, timeout=120)


class _Host(Group):
    def __init__(self, number: int, size: int, table: _Table) -> None:
        self.number, self.size, self._table = number, size, table

    def exchange(self, part: bytes, combine: Callable[[Sequence[bytes]], bytes]) -> bytes:
        table = self._table
        table.parts[self.number] = part
        table.barrier.wait()
        if self.leads:
            table.result = combine(list(table.parts))
        table.barrier.wait()
        return table.result


def on_hosts(size: int, work: Callable[[Group], T]) -> list[T]:
    """What `work` returns on each of the hosts, which run at the same time."""
    table = _Table(size)

    def run(number: int) -> T:
        try:
            return work(_Host(number, size, table))
        except BaseException:
            table.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as hosts:
        running = [hosts.submit(run, number) for number in range(size)]
    for each in running:
        error = each.exception()
        if error is not None and not isinstance(error, threading.BrokenBarrierError):  # which the others get
            raise error
    return [each.result() for each in running]
