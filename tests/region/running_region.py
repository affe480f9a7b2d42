"""A region in its own process, for tests."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import boto3
from botocore.config import Config

ROOT = Path(__file__).parents[2]
TINY_ALGORITHM = ROOT / "tests" / "training" / "tiny_algorithm"
PATIENCE_SECONDS = 90.0
T = TypeVar("T")
ADDRESS = re.compile(r"region \S+ of account \d+ at (http://\S+),")


class RunningRegion:
    """`forecastle region up` on a free port, stopped at the end of the block."""

    def __init__(
        self,
        home: Path,
        *options: str,
        path: str | None = None,
        within: Sequence[str] = (),
        code: Path | None = None,
    ) -> None:
        """Start it.

        `within` is a command that becomes the one in its arguments, such as `unshare --mount`; `code` a folder for
        the machine code of kernels, which are then compiled in the background.
        """
        environ = {
            "PATH": path or os.environ["PATH"],
            "HOME": str(home.parent),
            "PYTHONPATH": str(ROOT),
            "FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # that of another region, to be ignored
            **({} if code is None else {"NUMBA_CACHE_DIR": str(code)}),
        }
        options = ("--port", "0", *options, *(["--no-compile"] if code is None else []))
        self.home = home
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [*within, sys.executable, "-m", "forecastle", "region", "up", "--home", str(home), *options],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        """Its address, waited for."""
        return self.await_line(ADDRESS)[1]

    def await_line(self, pattern: re.Pattern[str] | str) -> re.Match[str]:
        """The first line of its output that matches, waited for."""

        def found() -> re.Match[str] | None:
            ended = self._process.poll() is not None
            match = next((match for line in list(self.lines) if (match := re.search(pattern, line))), None)
            assert match or not ended, f"it has ended: {self.lines}"
            return match

        return awaited(found, f"a line with {pattern} in {self.lines}")

    def client(self, service: str, **config: Any) -> Any:
        """boto3's client of a service, with any keys."""
        settings = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=PATIENCE_SECONDS, **config)
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=self.address, config=settings, **keys)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            self.lines.extend(line.rstrip("\n") for line in iter(self._process.stdout.readline, ""))


def awaited(found: Callable[[], T | None], what: str) -> T:
    """Wait until `found` returns something, and return that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        thing = found()
        if thing:
            return thing
        time.sleep(0.02)
    raise AssertionError(f"{what}: did not appear")


def processes_with(text: str) -> list[str]:
    """The command lines of the processes that have `text` in their environment or command."""
    return list(commands_with(text).values())


def commands_with(text: str) -> dict[int, str]:
    """The same, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                content = (entry / "environ").read_bytes() + command
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if text.encode() in content and state != "Z":
                found[int(entry.name)] = command.replace(b"\0", b" ").decode()
    return found
