"""Containers of the image: run to their end, or serving a model."""

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 180

# As the image is by default, and as cautious hosts run it.
ROOT: tuple[str, ...] = ()
STRANGER = ("--user", "12345", "--cap-drop", "ALL", "--read-only", "--tmpfs", "/tmp")  # who has no passwd entry
READ_ONLY = ("--read-only",)  # and nowhere to write at all

CACHE_LOG = ("-e", "NUMBA_DEBUG_CACHE=1")  # numba reports what it loads and what it compiles


def docker(*arguments: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(["docker", *map(str, arguments)], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"docker {arguments[0]}: {done.stderr[-4000:]}"
    return done


def train(image: str, tree: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the job in `tree`, an /opt/ml, until it ends."""
    return docker("run", "--rm", *options, "-v", f"{tree}:/opt/ml", image, "train", check=False)


@contextmanager
def started(image: str, verb: str, *options: str) -> Iterator[str]:
    """The name of a running container, which is removed afterwards."""
    name = docker("run", "-d", *options, image, verb).stdout.strip()
    try:
        yield name
    finally:
        docker("rm", "-f", name)


@dataclass(frozen=True, slots=True)
class Server:
    """A serving container: its address, and how long it took to become ready."""

    name: str
    port: int
    seconds: float
    cpu_seconds: float

    def ask(self, body: bytes, content_type: str, accept: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", "/invocations", body, {"Content-Type": content_type, "Accept": accept})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        assert response.status == 200, answer
        return answer

    def log(self) -> str:
        logs = docker("logs", self.name)
        return logs.stdout + logs.stderr

    def stop(self) -> int:
        """The exit code of the container, stopped as SageMaker does."""
        docker("stop", "--time", "30", self.name)
        return int(docker("inspect", "-f", "{{.State.ExitCode}}", self.name).stdout)


@contextmanager
def serving(image: str, model: Path, *options: str) -> Iterator[Server]:
    """A server of the model in a folder, mounted read-only, once it is ready."""
    since = time.monotonic()
    mount = ("-p", "127.0.0.1::8080", "-v", f"{model}:/opt/ml/model:ro")
    with started(image, "serve", *options, *mount) as name:
        port = int(docker("port", name, "8080/tcp").stdout.split()[0].rsplit(":", 1)[1])
        while not pinged(port):
            await_running(name, since)
            time.sleep(0.02)
        yield Server(name, port, time.monotonic() - since, cpu_seconds(name))


def cpu_seconds(name: str) -> float:
    """The CPU time of a container's process 1, which is more reliable than the clock on a busy machine."""
    fields = docker("exec", name, "cat", "/proc/1/stat").stdout.rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime


def await_running(name: str, since: float) -> None:
    """Fail if the container has ended, or after the time limit."""
    running = docker("inspect", "-f", "{{.State.Running}}", name).stdout.strip() == "true"
    assert running, docker("logs", name).stderr
    assert time.monotonic() < since + PATIENCE_SECONDS, f"not done after {PATIENCE_SECONDS} s"


def pinged(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def files(folder: Path) -> dict[str, bytes]:
    """The content of the files in `folder` by their relative names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def may_write(folder: Path) -> Path:
    """`folder`, created so that any user may write to it."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o777)  # noqa: PTH101 - whatever the umask
    return folder
