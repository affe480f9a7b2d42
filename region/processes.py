"""Processes that a region starts, none of which outlives it.

The kernel kills each when the region ends, however it ends; a process that it started in turn is found by the number
of its session at the next start, as the state has the process ids and when each began.
"""

import os
import queue
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from forecastle.region.leash import LEASH
from forecastle.region.state import State

KIND = "Process"


class Process:
    """A process in its own session; its stdout and stderr are one stream."""

    def __init__(self, popen: "subprocess.Popen[bytes]", processes: "Processes") -> None:
        self._popen = popen
        self._processes = processes
        self._forgotten = False

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> IO[bytes]:
        assert self._popen.stdout is not None
        return self._popen.stdout

    @property
    def input(self) -> IO[bytes]:
        assert self._popen.stdin is not None
        return self._popen.stdin

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, or None where it has not ended in that time; what it left running is killed when it ends."""
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        if not self._forgotten:
            self._forgotten = True
            self._processes.forget(self)
        return code

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.alive:
            self._popen.terminate()

    def kill(self) -> None:
        """End it, and all that it started in its session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def stop(self, grace: float) -> int:
        """Ask it to stop, kill it when `grace` seconds are over; its exit code."""
        self.terminate()
        return self.end(grace)

    def end(self, grace: float) -> int:
        """Wait for the end of one that was asked to stop, kill it when `grace` seconds are over; its exit code."""
        code = self.wait(grace)
        if code is None:
            self.kill()
            code = self.wait()
        assert code is not None
        return code


class Processes:
    """Those that run, in memory and in the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()  # those that the state still has
        # The kernel's signal comes when the thread that started a process ends, so one thread starts them all.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        stdin: int = subprocess.DEVNULL,
        kept: Sequence[int] = (),
    ) -> Process:
        """Start a command in a folder, with the file descriptors that it keeps."""
        leashed = [sys.executable, "-I", "-S", LEASH, str(os.getpid()), *command]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                leashed,
                cwd=folder,
                env=dict(environ),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=kept,
            )

        process = Process(self._starter.submit(start).result(), self)
        self._state.put(KIND, str(process.pid), {"pid": process.pid, "began": _began(process.pid), "boot": _boot()})
        return process

    def forget(self, process: Process) -> None:
        """A process has ended: kill what it left running in its session."""
        process.kill()
        self._ended.put(process.pid)
        with suppress(sqlite3.OperationalError):  # the disk is full: the next one that ends tries again
            self._delete_ended()

    def _delete_ended(self) -> None:
        with suppress(queue.Empty):
            while True:
                pid = self._ended.get_nowait()
                try:
                    self._state.delete(KIND, str(pid))
                except BaseException:
                    self._ended.put(pid)
                    raise

    def reap(self) -> int:
        """Kill what a region of this folder left running; how many processes that were."""
        reaped = 0
        for record in self._state.all(KIND):
            pid = record["pid"]
            leader = _began(pid)
            if record["boot"] == _boot() and (leader is None or leader == record["began"]):
                strays = _session(pid)
                for stray in strays:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(stray, signal.SIGKILL)
                reaped += len(strays)
                _await_end(strays)
            self._state.delete(KIND, str(pid))
        return reaped

    def close(self) -> None:
        self._starter.shutdown()


def _began(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did; None if there is no such process."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def _session(number: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and fields[3] == str(number) and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third, the state, on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _await_end(pids: Sequence[int], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any((_stat(pid) or ["Z"])[0] != "Z" for pid in pids):
        time.sleep(0.01)
