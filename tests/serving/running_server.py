"""A server in its own process, as the tests see it: its socket, its log and its exit."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx
import numpy as np

from forecastle.contract.artifact import Artifact, write_artifact

TINY_ALGORITHM = Path(__file__).parent / "tiny_algorithm"
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


def write_model(folder: Path, weights: int = 1, **parameters: object) -> Path:
    """Write a model of the tiny algorithm, with weights if given, to the tree in `folder` (SAGEMAKER_BASE_DIR)."""
    artifact = Artifact(
        {"weights": np.ones(weights)}, parameters, {"depth": "3"}, {"train_loss": 0.25}, algorithm="echo_sum"
    )
    write_artifact(folder / "model", artifact)
    return folder


class RunningServer:
    """`forecastle serve` on a free port; killed at the end if it still runs."""

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str],
        prefix: tuple[str, ...] = (),
        *,
        arguments: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(base),
            "PYTHONPATH": str(ROOT),
            "FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms"),
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": "0",
            **environ,
        }
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "forecastle", "serve", *arguments],
            cwd=cwd,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._lines: list[dict[str, Any]] = []
        self._errors: list[bytes] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.host, self.port = "127.0.0.1", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def stderr(self) -> str:
        return b"".join(self._errors).decode()

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in list(self._lines) if line["event"] == event]

    def await_line(self, event: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """Wait for the `count`-th line of that event with those fields."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = [line for line in self.lines(event) if fields.items() <= line.items()]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.01)
        raise AssertionError(f"no line {event} {fields} in {self._lines}; stderr: {self.stderr}")

    def await_port(self) -> Self:
        start = self.await_line("start")
        self.host, self.port = start["host"], start["port"]
        return self

    def await_ready(self) -> Self:
        self.await_port()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.get("/ping").status_code == 200:
                return self
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self._lines}; stderr: {self.stderr}")

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(
        self, path: str, body: bytes = b"1,2\n", content_type: str | None = "text/csv", **more: Any
    ) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if content_type is not None:
            headers["Content-Type"] = content_type
        return self.request("POST", path, content=body, headers=headers, **more)

    def ask(self, **request: Any) -> httpx.Response:
        """POST a request of the tiny algorithm in JSON."""
        body = json.dumps({"rows": [[1, 2]]} | request).encode()
        return self.post("/invocations", body, "application/json")

    def load(self, name: str, folder: Path | str) -> httpx.Response:
        """POST /models, of a server of several models."""
        return self.request("POST", "/models", json={"model_name": name, "url": str(folder)})

    def unload(self, name: str) -> httpx.Response:
        return self.request("DELETE", f"/models/{quote(name, safe='')}")

    def invoke(self, name: str, **request: Any) -> httpx.Response:
        """Send a request in JSON to the model of that name."""
        body = json.dumps({"rows": [[1, 2]]} | request).encode()
        return self.post(f"/models/{quote(name, safe='')}/invoke", body, "application/json")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        with httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False, verify=False) as client:
            client.headers.pop("accept")
            return client.request(method, path, **more)

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A raw connection, for arbitrary bytes."""
        with socket.create_connection((self.host, self.port), timeout=PATIENCE_SECONDS) as connection:
            yield connection

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def await_end(self) -> int:
        code = self._process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return code


Answer = tuple[int, dict[str, str], bytes]


def read_answer(connection: socket.socket) -> Answer:
    """Status, headers and body of the next answer on a raw connection."""
    with connection.makefile("rb") as file:
        return _answer(file.readline(), file)


def read_answers(connection: socket.socket) -> list[Answer]:
    """All answers until the connection is closed."""
    with connection.makefile("rb") as file:
        return [_answer(line, file) for line in iter(file.readline, b"")]


def _answer(status_line: bytes, file: BinaryIO) -> Answer:
    assert status_line.startswith(b"HTTP/1.1 "), status_line
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
        file.readline()
    else:
        body = file.read(int(headers.get("content-length", 0)))
    return int(status_line.split()[1]), headers, body
