"""DeepAR on two hosts, which are processes of this machine with one core each, beside one process on one core.

    python -m benchmarks.hosts [--json] [--runs 5] [--only speed,exchange]

The problem is that of `benchmarks.deepar_training`. One host and two train in turn, for the same number of batches;
medians of several turns. `…_busy` counts the processor's time, of two hosts that of the busier one, so it leaves out
the time for which a host waits; the others count the time that passed, which wants a quiet machine. `exchange` is a
round of the group with as many bytes as a step of the default network sends.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from io import StringIO
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.contender import THREADS, Problem
from benchmarks.report import Row, report
from forecastle.algorithms.group import Group
from forecastle.contract.job_files import Hosts
from forecastle.contract.settings import Settings
from forecastle.training.hosts.joining import joined
from forecastle.training.job_log import StreamLog

NAMES = ("127.0.0.2", "127.0.0.3")
BATCH_SIZES = (16, 32, 64, 128, 512)
WINDOWS = 4096  # of a turn
ROUNDS = 300
NETWORK_BYTES = 119_140


def main() -> None:
    os.environ |= dict.fromkeys(THREADS, "1")
    report(__doc__, PARTS, {"two_hosts_over_one_batch_128": 1.7})


def speed_rows(runs: int) -> Iterator[Row]:
    for size in BATCH_SIZES:
        turns = _on_two_hosts(_train_in_turn, runs, size)
        windows = WINDOWS // size * size
        for key, clock in (("", "passed"), ("_busy", "busy")):
            pairs = [(turn[f"one {clock}"], turn[f"two {clock}"]) for turn in turns]
            one, two = (windows / statistics.median(column) for column in zip(*pairs))
            ratio = statistics.median(alone / together for alone, together in pairs)
            yield f"two_hosts_over_one_batch_{size}{key}", "windows a second: two hosts, one", two, one, ratio


def exchange_rows(runs: int) -> Iterator[Row]:
    turns = _on_two_hosts(_exchange_in_turn, runs, NETWORK_BYTES)
    for key in ("passed", "busy"):
        took = 1e3 * statistics.median(turn[key] for turn in turns)
        yield f"exchange_{key}", "ms a round of two hosts, 119 kB each way", took, took, took


def _on_two_hosts(work: Callable[..., list[dict[str, float]]], *arguments: Any) -> list[dict[str, float]]:
    """What the first of two hosts measures."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    hosts = [context.Process(target=_host, args=(number, sender, work, *arguments)) for number in (0, 1)]
    for host in hosts:
        host.start()
    try:
        turns: list[dict[str, float]] = receiver.recv()
        return turns
    finally:
        for host in hosts:
            host.join(30)
            host.kill()


def _host(number: int, sender: Connection, work: Callable[..., list[dict[str, float]]], *arguments: Any) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    name = NAMES[number]
    with joined(
        Hosts(name, NAMES), "any", Settings.from_environ({}), StreamLog(StringIO(), name, {}), lambda: False
    ) as group:
        turns = work(group, *arguments)
        if group.leads:
            sender.send(turns)


def _train_in_turn(group: Group, runs: int, size: int) -> list[dict[str, float]]:
    from benchmarks.electricity_shaped import customers
    from benchmarks.engine_speed import settings_of
    from forecastle.algorithms.deepar.training.native.learner import NativeLearner
    from forecastle.algorithms.deepar.training.team import Team
    from forecastle.algorithms.deepar.training.windows import WindowSource

    series = customers()
    settings = settings_of(Problem(batch_size=size).asked, series)
    source, rng = WindowSource(series, settings), np.random.default_rng(0)
    drawn = np.concatenate([source.draw(rng) for _ in range(1 + WINDOWS // source.work.windows)])
    starts = range(0, WINDOWS // size * size, size)
    one = NativeLearner(settings, 1)
    two = NativeLearner(settings, 1, Team(group, lambda: False))

    def clocks(learner: NativeLearner, first: int = 0) -> tuple[float, float]:
        begin = time.perf_counter(), time.process_time()
        for start in starts[first:]:
            learner.step(source.batch(drawn[start : start + size]), 0.001, start)
        return time.perf_counter() - begin[0], time.process_time() - begin[1]

    turns = []
    for _ in range(1 + runs):  # the first one compiles
        alone = clocks(one) if group.leads else (0.0, 0.0)
        group.broadcast(b"")
        passed, busy = clocks(two)
        busiest = [float(part) for part in group.exchange(str(busy).encode(), b" ".join).split()]
        turns.append({"one passed": alone[0], "one busy": alone[1], "two passed": passed, "two busy": max(busiest)})
    return turns[1:]


def _exchange_in_turn(group: Group, runs: int, size: int) -> list[dict[str, float]]:
    numbers, turns = np.zeros(size // 4, np.float32), []
    for _ in range(1 + runs):
        begin = time.perf_counter(), time.process_time()
        for _ in range(ROUNDS):
            group.sum(numbers)
        passed, busy = time.perf_counter() - begin[0], time.process_time() - begin[1]
        turns.append({"passed": passed / ROUNDS, "busy": busy / ROUNDS})
    return turns[1:]


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {"speed": speed_rows, "exchange": exchange_rows}


if __name__ == "__main__":
    main()
