"""Work on many items in threads, with the results in the items' order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    work: Callable[[T], R], items: Iterable[T], threads: int, waiting: int | None = None
) -> Generator[R, None, None]:
    """`work` of each item, in the order of the items, on so many threads.

    At most `waiting` items, by default `threads`, are under way or done and not yet taken. An exception is raised in
    its item's turn. If the caller takes no more, items that have not begun are dropped. The others are not waited for,
    and their threads do not keep the process from exiting.
    """
    waiting = threads if waiting is None else waiting
    tasks: SimpleQueue[tuple[Future[R], T] | None] = SimpleQueue()
    under_way: deque[Future[R]] = deque()
    for _ in range(threads):
        Thread(target=_run, args=(work, tasks), daemon=True).start()
    try:
        for future in chain(_submitted(items, tasks), [None]):
            if future is not None:
                under_way.append(future)
            while under_way and (future is None or len(under_way) >= waiting):
                yield under_way.popleft().result()
    finally:
        with suppress(Empty):
            while True:
                tasks.get_nowait()
        for _ in range(threads):
            tasks.put(None)


def _submitted(items: Iterable[T], tasks: "SimpleQueue[tuple[Future[R], T] | None]") -> Iterator[Future[R]]:
    """A future for each item; the last one has the exception of `items`, if there is one."""
    try:
        for item in items:
            future: Future[R] = Future()
            tasks.put((future, item))
            yield future
    except Exception as error:
        broken: Future[R] = Future()
        broken.set_exception(error)
        yield broken


def _run(work: Callable[[T], R], tasks: "SimpleQueue[tuple[Future[R], T] | None]") -> None:
    while (task := tasks.get()) is not None:
        future, item = task
        try:
            future.set_result(work(item))
        except BaseException as error:
            future.set_exception(error)
        del future, item, task
