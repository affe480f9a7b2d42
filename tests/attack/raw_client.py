"""HTTP as bytes on a socket: what a client sends, in which packets, and the answers that come back."""

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from tests.serving.running_server import PATIENCE_SECONDS, RunningServer

ANSWER_SECONDS = 20.0  # for an answer that never comes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Answer:
    """One answer; those of status 1xx are skipped."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def name(self) -> str | None:
        """The request that it answers, by its X-Request-Id."""
        return self.headers.get("x-request-id")


def answers(file: BinaryIO, methods: Sequence[str] = ()) -> Iterator[Answer]:
    """All answers until the connection is closed; `methods` are those of the requests, in order."""
    count = 0
    with contextlib.suppress(ConnectionResetError):  # closed while something was still being sent
        while line := file.readline():
            version, status = line.split()[:2]
            assert version == b"HTTP/1.1", line
            headers = {}
            while (field := file.readline().strip()) != b"":
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if int(status) < 200:
                continue
            has_body = not (count < len(methods) and methods[count] == "HEAD")
            yield Answer(int(status), headers, _body(file, headers) if has_body else b"")
            count += 1


def _body(file: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return file.read(int(headers["content-length"]))
    body = b""
    while size := int(file.readline(), 16):
        body += file.read(size)
        assert file.readline() == b"\r\n"
    assert file.readline() == b"\r\n"
    return body


def exchange(server: RunningServer, packets: Sequence[bytes], methods: Sequence[str] = ()) -> list[Answer]:
    """Send the packets, each on its own, and take all answers until the server closes the connection.

    It is the last request that must ask for that; else the server closes what is idle, much later.
    """
    with server.connection() as connection, connection.makefile("rb") as file:
        connection.settimeout(ANSWER_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):  # refused before all of it was sent
            for number, packet in enumerate(packets):
                connection.sendall(packet)
                if 0 < len(packets) - 1 - number < 8:
                    time.sleep(0.002)  # so that each comes alone
        return list(answers(file, methods))


def leave(server: RunningServer, packets: Sequence[bytes], *, abruptly: bool) -> None:
    """Send the packets and disconnect without waiting for an answer; `abruptly` with a reset."""
    with server.connection() as connection:
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with contextlib.suppress(ConnectionError):
            for packet in packets:
                connection.sendall(packet)


def require_calm(server: RunningServer) -> None:
    """The server answers, logged no failure, and its own code did not block the loop, by the monitor's CPU times."""
    assert server.get("/ping").status_code == 200
    assert not [line for line in server.lines("error") if "traceback" in line]
    assert not [line for line in server.lines("stall") if line["cpu_ms"] >= 250]


def resident_bytes(server: RunningServer) -> int:
    """The memory of the server's process."""
    with open(f"/proc/{server.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def require_level(server: RunningServer, before: int, slack: int) -> None:
    """Memory returns to within `slack` bytes of its earlier level."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (now := resident_bytes(server)) > before + slack:
        assert time.monotonic() < deadline, f"{before} bytes before, {now} bytes after"
        time.sleep(0.2)
