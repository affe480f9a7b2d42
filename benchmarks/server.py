"""Servers in their own processes, and a client that costs little."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BARE = """
import uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()
@app.get("/ping")
def ping() -> Response:
    return Response()
@app.post("/invocations")
async def invocations(request: Request) -> Response:
    return Response(await request.body())
uvicorn.run(app, port={port}, loop="uvloop", http="httptools", log_level="warning", access_log=False)
"""


class Client:
    """One kept connection to 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(1 << 20)  # kept: new memory for every answer costs more than the answer does

    def request(self, head: str, body: bytes = b"", content_type: str = "text/csv") -> tuple[int, bytes]:
        """Send `head` (method and path) and a body; the status and the body of the answer."""
        self._socket.sendall(
            f"{head} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        view, size, end = memoryview(self._buffer), 0, -1
        while end < 0:
            size += self._receive(view[size:])
            end = self._buffer.find(b"\r\n\r\n", 0, size)
        head_lines = bytes(view[:end]).lower()
        stop = end + 4 + int(head_lines.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while size < stop:
            size += self._receive(view[size:])
        return int(head_lines[9:12]), bytes(view[end + 4 : stop])

    def _receive(self, view: memoryview) -> int:
        count = self._socket.recv_into(view)
        if not count:
            raise ConnectionError("the server closed the connection")
        return count


@contextmanager
def served(model: Path, threads: int) -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
    """forecastle with `model`: its process, its port and the seconds from the command to the first 200 on /ping."""
    port = free_port()
    environ = os.environ | {"SAGEMAKER_BIND_TO_PORT": str(port), "FORECASTLE_THREADS": str(threads)}
    yield from _running([sys.executable, "-m", "forecastle", "serve", "--model", str(model)], environ, port)


@contextmanager
def bare_route() -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
    """A FastAPI route that reads the body and returns it, on the same server."""
    port = free_port()
    yield from _running([sys.executable, "-c", BARE.format(port=port)], dict(os.environ), port)


@contextmanager
def gluonts_shell(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
    """gluonts.shell with the predictor in `folder`."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.gluonts_mxnet", "serve", str(folder), str(port)]
    yield from _running(command, dict(os.environ), port, log=subprocess.DEVNULL)  # it says a line for each series


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _running(
    command: list[str], environ: dict[str, str], port: int, log: int | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=log)
    try:
        while not _ready(port):
            if process.poll() is not None or time.perf_counter() - begin > 120:
                raise RuntimeError(f"{' '.join(command)[:80]} did not become ready")
            time.sleep(0.01)
        yield process, port, time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait()


def _ready(port: int) -> bool:
    try:
        return Client(port).request("GET /ping")[0] == 200
    except OSError:
        return False
