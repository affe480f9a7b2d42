"""Work in threads, with the results in order."""

import threading
from collections.abc import Iterator

import pytest

from forecastle.contract.transform.window import in_order


def test_results_come_in_order_and_at_most_so_many_wait() -> None:
    begun: list[int] = []
    last_first = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert last_first.wait(30)
        elif item == 1:
            last_first.set()
        return item

    def items() -> Iterator[int]:
        for item in range(20):
            begun.append(item)
            yield item

    taken = []
    for result in in_order(work, items(), threads=2, waiting=3):
        taken.append(result)
        assert len(begun) <= len(taken) + 2
    assert taken == [*range(20)]


def test_the_first_error_in_the_items_order_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 0
        raise KeyError

    results = in_order(lambda item: 1 // item, items(), threads=1, waiting=9)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(KeyError):
        [*in_order(abs, items(), threads=1)]
