"""A warm process of a function."""

import json
import os
import select
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forecastle.region.account import REGION
from forecastle.region.images import ELSEWHERE
from forecastle.region.local_region import LocalRegion
from forecastle.region.pump import END_OF_LOG, Pump

RUNNER = Path(__file__).with_name("runner.py")
INIT_SECONDS = 60.0
LOG_SECONDS = 2.0
TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Outcome:
    """The result of an invocation."""

    payload: bytes
    error: str | None  # Handled or Unhandled, for X-Amz-Function-Error
    log: bytes


class Worker:
    """A process with the loaded function, which handles one event at a time."""

    def __init__(self, region: LocalRegion, function: dict[str, Any], folder: Path) -> None:
        self._region = region
        self._function = function
        self._stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        results, inside = os.pipe()
        self._results = results
        self._left = b""
        self._logged = threading.Semaphore(0)  # released when an event's whole output is in the log
        command = [sys.executable, "-u", str(RUNNER), function["Handler"], str(inside)]
        try:
            self._process = region.processes.start(
                command, _environ(region, function, self._stream, folder), folder, subprocess.PIPE, (inside,)
            )
        finally:
            os.close(inside)
        entries = (
            f"This function runs on Python {sys.version.split()[0]}; its Runtime {function['Runtime']} is ignored."
        )
        region.journal.write(self._group, self._stream, [entries])
        self._pump = Pump(self._process, region.journal, self._group, self._stream, folder, self._seen)
        begun = self._read(time.monotonic() + INIT_SECONDS)
        self._failure = None if begun and begun["ready"] else (begun or {}).get("error") or _exited("did not start", "")

    @property
    def alive(self) -> bool:
        return self._failure is None and self._process.alive

    def invoke(self, event: Any, client_context: Any = None) -> Outcome:
        """Send an event to the process and wait for its result, up to the function's timeout."""
        number, began, seconds = str(uuid.uuid4()), time.time(), float(self._function["Timeout"])
        self._log([f"START RequestId: {number} Version: $LATEST"])
        if self._failure is not None:
            return self._failed(number, began, self._failure)
        given = {
            "event": event,
            "request_id": number,
            "arn": self._function["FunctionArn"],
            "deadline": began + seconds,
            "client_context": client_context,
        }
        try:
            self._process.input.write(json.dumps(given).encode() + b"\n")
            self._process.input.flush()
        except OSError:
            return self._failed(number, began, _exited("had ended", number))
        answer = self._read(time.monotonic() + seconds)
        if answer is None:
            running = self._process.alive and time.time() >= began + seconds
            self.close()
            if running:
                why = f"Task timed out after {seconds:.2f} seconds"
                self._log([f"{number} {why}"])
                error = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {number} Error: {why}"}
                return self._failed(number, began, error)
            return self._failed(number, began, _exited("Runtime exited", number))
        self._logged.acquire(timeout=LOG_SECONDS)
        if "error" in answer:
            return self._failed(number, began, {**answer["error"], "requestId": number})
        return Outcome(str(answer["payload"]).encode(), None, self._ended(number, began))

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        if self._results >= 0:
            os.close(self._results)
            self._results = -1

    @property
    def _group(self) -> str:
        return f"/aws/lambda/{self._function['FunctionName']}"

    def _failed(self, number: str, began: float, error: dict[str, Any]) -> Outcome:
        if error.get("stackTrace"):
            entries = [f"[ERROR] {error['errorType']}: {error['errorMessage']}", "Traceback (most recent call last):"]
            self._log([*entries, *(line.rstrip() for frame in error["stackTrace"] for line in frame.splitlines())])
        return Outcome(json.dumps(error).encode(), "Unhandled", self._ended(number, began))

    def _ended(self, number: str, began: float) -> bytes:
        """Log the report of an event; return the end of the log."""
        took = (time.time() - began) * 1000
        size = self._function["MemorySize"]
        report = f"REPORT RequestId: {number}\tDuration: {took:.2f} ms\tBilled Duration: {took + 1:.0f} ms"
        self._log([f"END RequestId: {number}", f"{report}\tMemory Size: {size} MB"])
        streams = self._region.journal.streams(self._group, self._stream)
        events = self._region.journal.events(streams[0].id, 0, 2**62, (2**62, 2**62), 50, newest_first=True)
        return "\n".join(event.message for event in reversed(events)).encode()[-TAIL_BYTES:]

    def _seen(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line == END_OF_LOG:
                self._logged.release()

    def _log(self, lines: list[str]) -> None:
        self._region.journal.write(self._group, self._stream, lines)

    def _read(self, deadline: float) -> dict[str, Any] | None:
        """The next result; None at the deadline or if the process ends."""
        while b"\n" not in self._left:
            ready, _, _ = select.select([self._results], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._results, 2**16) if ready else b""
            if not chunk:
                return None
            self._left += chunk
        line, _, self._left = self._left.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _exited(what: str, number: str) -> dict[str, Any]:
    return {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {number} Error: {what} before it returned a result",
    }


def _environ(region: LocalRegion, function: dict[str, Any], stream: str, folder: Path) -> dict[str, str]:
    name = function["FunctionName"]
    kept = {key: value for key, value in os.environ.items() if not ELSEWHERE.match(key)}
    own = {
        "AWS_ENDPOINT_URL": region.address,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": function["Handler"],
        "PYTHONPATH": str(region.home.python),
        "NO_PROXY": "127.0.0.1,localhost",
    }
    variables: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    return kept | own | variables
