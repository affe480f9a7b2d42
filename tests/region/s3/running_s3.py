"""An S3 server that runs, and clients of it."""

import os
import signal
import subprocess
import sys
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config


class RunningS3:
    """A server process on a folder; it ends with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.region.s3.serve", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(by)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self, **config: Any) -> Any:
        """boto3's client, with its own defaults but for the retries, which would hide faults."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=config.pop("region", "us-east-1"),
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> "Answer":
        """A request, byte for byte."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def memory(self, what: str = "VmHWM") -> int:
        """Bytes of the process' memory, by default at their highest."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
        raise LookupError(what)

    def __enter__(self) -> "RunningS3":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()


class Answer:
    """An answer that has been read."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def without_aws_settings() -> None:
    """Forget what the surroundings say of AWS, so that the tests mean the same everywhere."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
