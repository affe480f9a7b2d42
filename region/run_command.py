"""`forecastle region run -- COMMAND`: a command in a region, which is started for it if none runs."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from forecastle.contract.errors import InvalidJob, NotReady
from forecastle.region.home import Home
from forecastle.region.leash import leashed
from forecastle.region.variables import Variables

START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOG = "region.log"


def run_in_region(home: Home, up: Sequence[str], command: Sequence[str], variables: Variables) -> int:
    """Run a command with the variables of the folder's region, and return its exit code.

    If none runs, `up` starts one, which is stopped when the command has ended. Raises `InvalidJob` if the command does
    not exist, and `NotReady` if the region does not start.
    """
    if shutil.which(command[0]) is None:
        raise InvalidJob(f"{command[0]}: no such command.")
    address = home.address()
    region = None if address is not None else _started(home, up)
    try:
        address = address or _awaited(home, region)
        environ = os.environ | variables(home, address, os.environ)
        return _run(command, environ)
    finally:
        if region is not None:
            region.terminate()
            region.wait(STOP_SECONDS)


def free_port(port: int) -> int:
    """The port, or 0 for any free one if it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _started(home: Home, up: Sequence[str]) -> "subprocess.Popen[bytes]":
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home.folder / LOG).open("wb") as log:
        return subprocess.Popen(leashed(up), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def _awaited(home: Home, region: "subprocess.Popen[bytes] | None") -> str:
    assert region is not None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and region.poll() is None:
        address = home.address()
        if address is not None:
            return address
        time.sleep(0.02)
    log_lines = (home.folder / LOG).read_text(errors="replace").strip().splitlines()
    region.kill()
    raise NotReady(
        f"The region did not start: {log_lines[-1].removeprefix('forecastle: ') if log_lines else 'there is no output'}"
    )


def _run(command: Sequence[str], environ: dict[str, str]) -> int:
    process = subprocess.Popen(leashed(command, signal.SIGTERM), env=environ)
    # The terminal sends Ctrl-C to the command, too; signals to this process alone are forwarded.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, lambda sent, _: process.send_signal(sent))
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
