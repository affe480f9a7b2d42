"""Worker processes: forks, monitors and replaces them."""

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from forecastle.contract.errors import INTERNAL_EXIT_CODE, PlatformError
from forecastle.serving.log import write_line
from forecastle.serving.metrics import forget_process, shared_folder
from forecastle.serving.readiness import Readiness

PAUSE_SECONDS = 1.0  # before a worker is replaced, so that one that cannot start does not occupy the CPU

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's place among the workers."""

    number: int
    readiness: Readiness
    replaces_another: bool = False
    parent: int | None = None  # its supervisor's pid, which passes signals on; None without one
    metrics: Path | None = None  # the folder in which all workers add up their metrics


def fork_workers(count: int, listener: socket.socket, environ: MutableMapping[str, str]) -> Place | None:
    """Fork `count` workers and keep them running; returns a `Place` in each, and None in the parent after the last.

    `environ` is the process's own environment.

    They share the listening socket, so no connection is lost if one ends. SIGTERM and SIGINT are passed on to all. If a
    worker ends before it is ready for the first time, the others are stopped and the process exits with its code.
    """
    return _Workers(count, listener).run(shared_folder(environ))


class _Workers:
    def __init__(self, count: int, listener: socket.socket) -> None:
        self._count = count
        self._listener = listener
        self._readiness = Readiness(count)
        self._numbers: dict[int, int] = {}  # a worker's number by its pid
        self._stopping = False
        self._exit_code = 0

    def run(self, metrics: Path) -> Place | None:
        for name in _SIGNALS:
            signal.signal(name, lambda *_: self._stop())
        for number in range(self._count):
            if self._fork(number) == 0:
                return Place(number, self._readiness, parent=os.getppid(), metrics=metrics)
        while self._numbers:
            pid, status = os.wait()  # of any child: as PID 1 we also reap orphans
            if pid not in self._numbers:
                continue
            number = self._numbers.pop(pid)
            forget_process(metrics, pid)
            if self._stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            if not self._readiness.has(number):
                self._exit_code = self._code_of_failed(pid, code)
                self._stop()
                continue
            write_line("worker", pid=pid, sentence=f"The worker ended with exit code {code} and is replaced.")
            time.sleep(PAUSE_SECONDS)
            if self._fork(number) == 0:
                return Place(number, self._readiness, replaces_another=True, parent=os.getppid(), metrics=metrics)
        shutil.rmtree(metrics, ignore_errors=True)
        if self._exit_code:
            sys.exit(self._exit_code)
        return None

    def _fork(self, number: int) -> int | None:
        """As `os.fork`, or None once all are stopping; signals are blocked until the worker is registered."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._stopping:
                return None
            pid = os.fork()
            if pid:
                self._numbers[pid] = number
            else:
                for name in _SIGNALS:
                    signal.signal(name, lambda *_: sys.exit(0))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _stop(self) -> None:
        self._stopping = True
        self._listener.close()  # or connections would be accepted and never answered
        for pid in self._numbers:
            os.kill(pid, signal.SIGTERM)

    @staticmethod
    def _code_of_failed(pid: int, code: int) -> int:
        if code >= 0:
            return code or INTERNAL_EXIT_CODE  # it has reported why
        name = signal.Signals(-code).name
        sentence = f"A worker was ended by {name} before its model was loaded; {name} may mean that memory ran out."
        write_line("error", sentence=sentence, pid=pid)
        return PlatformError.exit_code
