"""Processes that a region starts, and that do not outlive it.

The kernel kills each when the region ends, even if the region is killed. Their own children are found by their session
at the next start, as the state contains the ids and start times of processes.
"""

import os
import queue
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from forecastle.region.leash import leashed
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
        """Its exit code, or None if it has not ended in that time; children that it leaves running are killed."""
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
        """Kill it and its children."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def stop(self, grace: float) -> int:
        """Ask it to stop, and kill it after `grace` seconds; return its exit code."""
        self.terminate()
        return self.end(grace)

    def end(self, grace: float) -> int:
        """Wait for a process that was asked to stop, and kill it after `grace` seconds; return its exit code."""
        code = self.wait(grace)
        if code is None:
            self.kill()
            code = self.wait()
        assert code is not None
        return code


class Processes:
    """The running processes, recorded in the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ended: queue.SimpleQueue[int] = (
            queue.SimpleQueue()
        )  # ids of ended processes that the state still contains
        self._lock = threading.Lock()
        self._closed = False
        # The kernel kills a process when the thread that started it ends, so one thread starts them all.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        stdin: int = subprocess.DEVNULL,
        kept: Sequence[int] = (),
    ) -> Process:
        """Start a command in a folder; it inherits the file descriptors `kept`."""

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                leashed(command),
                cwd=folder,
                env=dict(environ),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=kept,
            )

        process = Process(self._starter.submit(start).result(), self)
        self._state.put(
            KIND, str(process.pid), {"pid": process.pid, "started": _start_time(process.pid), "boot": _boot()}
        )
        return process

    def forget(self, process: Process) -> None:
        """After a process has ended, kill the children that it has left running."""
        process.kill()
        self._ended.put(process.pid)
        with self._lock, suppress(sqlite3.OperationalError):  # the disk is full; tried again when the next process ends
            if not self._closed:
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
        """Kill the processes that an earlier region of this folder has left running; return their number."""
        reaped = 0
        for record in self._state.all(KIND):
            pid = record["pid"]
            leader = _start_time(pid)
            if record["boot"] == _boot() and (leader is None or leader == record["started"]):
                strays = _session(pid)
                for stray in strays:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(stray, signal.SIGKILL)
                reaped += len(strays)
                _await_end(strays)
            self._state.delete(KIND, str(pid))
        return reaped

    def close(self) -> None:
        """End the use of the state: what ends later is removed from it by the next region of this folder."""
        self._starter.shutdown()
        with self._lock:
            self._closed = True


def _start_time(pid: int) -> int | None:
    """The start time of a process, in clock ticks since the machine booted; None if there is no such process."""
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
    """The fields of /proc/PID/stat, beginning with the third, the state."""
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
