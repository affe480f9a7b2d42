"""S3 servers in their own processes: ours, moto's and ministack's; and a client that costs little."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

STEP = 1 << 20  # bytes that the client sends or reads at once
CREDENTIAL = "Credential=any/20260101/us-east-1/s3/aws4_request"
SIGNED = {"authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=0"}  # nobody looks closer

OURS = """
import sys, uvicorn
from pathlib import Path
from forecastle.region.s3.app import S3
uvicorn.run(S3(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning", access_log=False, server_header=False)
"""
MOTO = "import sys; from moto.server import main; main(['-p', sys.argv[2]])"
MINISTACK = "import sys; del sys.argv[1:]; from ministack.app import main; main()"


class S3Server:
    """A server with one bucket, over one kept connection."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.port = port
        self._process = process
        self._connection = HTTPConnection("127.0.0.1", port, timeout=600)

    def put(self, key: str, body: bytes) -> None:
        self._connection.request("PUT", f"/bucket/{key}", body, SIGNED)
        self._answer()

    def put_zeros(self, key: str, size: int) -> None:
        """Put `size` bytes, a multiple of STEP, that the client does not hold at once."""
        self._connection.close()  # a server may have grown tired of it meanwhile
        blocks = (bytes(STEP) for _ in range(size // STEP))
        self._connection.request("PUT", f"/bucket/{key}", blocks, {**SIGNED, "content-length": str(size)})
        self._answer()

    def get(self, key: str, *, anew: bool = False) -> int:
        """The size of an object, all of which is read; over a new connection, if so."""
        if anew:
            self._connection.close()
        self._connection.request("GET", f"/bucket/{key}", headers=SIGNED)
        return self._answer()

    def create_bucket(self) -> None:
        self._connection.request("PUT", "/bucket", headers=SIGNED)
        self._answer()

    def memory(self) -> float:
        """The most that the process ever had in memory, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def close(self) -> None:
        self._connection.close()

    def _answer(self) -> int:
        response = self._connection.getresponse()
        size = 0
        while data := response.read(STEP):
            size += len(data)
        if response.status != 200:
            raise RuntimeError(f"the server answered {response.status} {response.reason}")
        return size


@contextmanager
def s3_server(code: str, interpreter: str = sys.executable) -> Iterator[S3Server]:
    """One of the three, with its own folder, port and bucket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        environ = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(
            [interpreter, "-c", code, folder, str(port)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server = S3Server(process, port)
        try:
            _await(process, port)
            server.create_bucket()
            yield server
        finally:
            server.close()
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server did not listen within two minutes")
