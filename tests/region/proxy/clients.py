"""Clients of the region's proxy: the variables that they are given, and connections to it."""

import socket
import subprocess
import sys

from tests.region.running_region import RunningRegion
from tests.region.test_region import forecastle

STS = "sts.us-east-1.amazonaws.com"


def proxied(region: RunningRegion, **environ: str) -> dict[str, str]:
    """What `env --proxy` sets, and nothing else."""
    assert region.address
    printed = forecastle("env", "--proxy", "--shell", "dotenv", home=region.home, **environ)
    assert printed.returncode == 0, printed.stderr
    return dict(line.split("=", 1) for line in printed.stdout.splitlines())


def python(script: str, environ: dict[str, str], *arguments: str) -> str:
    """What a script prints with no other environment."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def connected(region: RunningRegion) -> socket.socket:
    host, port = region.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What comes, up to where `wanted` is in it."""
    answer = b""
    while wanted not in answer:
        piece = connection.recv(65536)
        assert piece, answer
        answer += piece
    return answer


def opened(region: RunningRegion, target: str) -> bytes:
    """The answer to CONNECT, up to the end of its head."""
    with connected(region) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return read_until(connection, b"\r\n\r\n")
