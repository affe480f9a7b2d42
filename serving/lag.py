"""The event loop's lag: how late its callbacks run, and the stack that blocked it.

While the loop is blocked, every request waits, including GET /ping. Time in which the process was stopped (SIGSTOP, a
debugger, a suspended host) or got no CPU is not counted: nothing in the process was slow.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from types import FrameType

from forecastle.serving.log import write_line
from forecastle.serving.metrics import Metrics

BEAT_SECONDS = 0.05
STALL_SECONDS = 0.2
FRAMES = 20  # of a stack, the innermost ones

_ROOT = Path(__file__).parents[1]


class LagMonitor:
    """A periodic callback in the loop, the beat, and a thread that measures how late beats are and logs stalls.

    Between two samples of the thread the process ran for at least the sampling interval or the CPU time of one of its
    threads, whichever is longer; the rest is attributed to the host. So a thread that computes, blocks or keeps the
    interpreter's lock is noticed, and a stopped process is not.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._ended = threading.Event()
        self._lateness: deque[float] = deque()  # of the beats that the thread has not read yet, in seconds
        self._due = 0.0
        self._loop_thread = 0
        self._clocks: list[int] = []

    def start(self, threads: Sequence[threading.Thread]) -> None:
        """Start, in the running loop. `threads` live as long as the process and may hold the interpreter's lock."""
        self._loop_thread = threading.get_ident()
        identities = [self._loop_thread, *(thread.ident for thread in threads if thread.ident is not None)]
        self._clocks = [time.pthread_getcpuclockid(identity) for identity in identities]
        self._begin(asyncio.get_running_loop())
        threading.Thread(target=self._watch, name="lag-monitor", daemon=True).start()

    def stop(self) -> None:
        """Stop logging stalls: the loop is about to end."""
        self._ended.set()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = perf_counter() + BEAT_SECONDS
        loop.call_later(BEAT_SECONDS, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lateness.append(max(0.0, perf_counter() - self._due))
        self._begin(loop)

    def _watch(self) -> None:
        looked, used = perf_counter(), self._used()
        ran = own = 0.0  # since the last beat: seconds that the process ran, and CPU seconds of the loop's thread
        stack: list[str] = []
        others: dict[str, str] = {}
        while not self._ended.wait(BEAT_SECONDS):
            now, using = perf_counter(), self._used()
            steps = [after - before for before, after in zip(used, using, strict=True)]
            ran += max(min(now - looked, 2 * BEAT_SECONDS), *steps)
            own += steps[0]
            looked, used = now, using
            if not stack and min(now - self._due, ran) > STALL_SECONDS / 2:
                stack, others = self._stacks()
            if not self._lateness:
                continue
            while self._lateness:
                lag = min(self._lateness.popleft(), ran)
                self._metrics.lag.observe(lag)
                if lag > STALL_SECONDS:
                    # If the loop's own thread used little CPU, another thread or a blocking call held it up.
                    write_line(
                        "stall",
                        ms=round(lag * 1e3),
                        cpu_ms=round(own * 1e3),
                        stack=stack,
                        threads=others if own < lag / 2 else None,
                    )
            ran = own = 0.0
            stack, others = [], {}

    def _used(self) -> list[float]:
        """CPU time of the loop's thread and of each of the others, in seconds."""
        return [time.clock_gettime(clock) for clock in self._clocks]

    def _stacks(self) -> tuple[list[str], dict[str, str]]:
        """The loop's stack, outermost frame first, and the innermost frame of each of the other threads."""
        frames = sys._current_frames()
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        return _places(frames, self._loop_thread), {
            names[identity]: _places(frames, identity)[-1]
            for identity in frames
            if identity in names and identity not in (self._loop_thread, threading.get_ident())
        }


def _places(frames: Mapping[int, FrameType], identity: int) -> list[str]:
    """`serving/body.py:20 read_body` and so on, without the source lines: reading files takes time."""
    walk = list(traceback.walk_stack(frames.get(identity)))[:FRAMES]
    return [f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in reversed(walk)]


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else file
