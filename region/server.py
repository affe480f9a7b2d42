"""A region's life cycle: lock the folder, bind the port, restart endpoints, serve, stop all processes."""

import contextlib
import logging
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from forecastle.contract.errors import InvalidJob
from forecastle.region import docker, variables
from forecastle.region.account import ACCOUNT, REGION
from forecastle.region.app import OnePort
from forecastle.region.console.pages import Console
from forecastle.region.control import Control
from forecastle.region.functions.workers import Workers
from forecastle.region.gateway.invocation import Gateway
from forecastle.region.kernels import Compilation
from forecastle.region.local_region import LocalRegion
from forecastle.region.logs.journal import Journal
from forecastle.region.metrics.series import Series
from forecastle.region.objects import Objects
from forecastle.region.operations import JOB_KINDS
from forecastle.region.options import Options
from forecastle.region.ports import BACKLOG, bound
from forecastle.region.processes import Processes
from forecastle.region.proxy.tunnel import entrance
from forecastle.region.s3.app import S3
from forecastle.region.sagemaker.endpoints.hosting import Hosting
from forecastle.region.sagemaker.endpoints.runtime import Runtime
from forecastle.region.sagemaker.pool import Pool
from forecastle.region.samples import taxi
from forecastle.region.state import State
from forecastle.region.wire.models import Models

DRAIN_SECONDS = 2
KEEP_ALIVE_SECONDS = 75
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def up(options: Options, command: Sequence[str]) -> None:
    """Run a region until SIGTERM, SIGINT or SIGHUP. `command` starts forecastle with this Python.

    Raises `InvalidJob` if another process uses the folder or the port.
    """
    with (
        _signals_end_it(),
        options.home.held(),
        bound(options.host, options.port) as listener,
        running(options, command, address_of(listener)) as (region, s3),
    ):
        server = _Server(_app(region, s3, options), options.home.proxy)
        for number in SIGNALS:
            signal.signal(number, server.handle_exit)
        server.run(sockets=[listener])


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """End the region cleanly with exit code 0 on a signal, even before it serves."""

    def leave(number: int, frame: object) -> None:
        del number, frame
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def address_of(listener: socket.socket) -> str:
    """The URL of a listening socket for clients on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


@contextlib.contextmanager
def running(options: Options, command: Sequence[str], address: str) -> Iterator[tuple[LocalRegion, S3]]:
    """The region of a folder, in its last state; at the end, all its processes are stopped."""
    if options.docker is not None and not docker.answers():
        raise InvalidJob(f"--docker {options.docker}: there is no Docker engine to run it.")
    s3 = S3(options.home.objects, strict_origins=True)
    region = _opened(options, command, address, s3)
    _clear(region)
    variables.write_files(region.home)
    _make_buckets(region, options)
    region.home.announce(address)
    _say(f"region {REGION} of account {ACCOUNT} at {address}, data in {region.home.folder}")
    region.hosting.resume(region)
    compilation = Compilation(region) if options.compiles and options.docker is None else None
    try:
        yield region, s3
    finally:
        if compilation is not None:
            compilation.close()
        _close(region)
        s3.close()
        region.state.close()
        _say("stopped")


def _opened(options: Options, command: Sequence[str], address: str, s3: S3) -> LocalRegion:
    home = options.home
    state = State(home.state)
    return LocalRegion(
        home=home,
        address=address,
        state=state,
        journal=Journal(home.logs),
        series=Series(home.folder / "metrics.db"),
        objects=Objects(s3.store),
        processes=Processes(state),
        say=_say,
        command=tuple(command),
        docker_image=options.docker,
        pools={kind.kind: Pool(kind.at_once) for kind in JOB_KINDS},
        hosting=Hosting(),
        runtime=Runtime(),
        functions=Workers(),
    )


def _clear(region: LocalRegion) -> None:
    """End and remove what an earlier region of the folder has left."""
    strays = region.processes.reap()
    if strays:
        _say(f"killed {strays} processes that an earlier region has left running")
    docker.remove_all(region.home.folder)
    for kind in JOB_KINDS:
        kind.fail_unfinished(region)
    shutil.rmtree(region.home.jobs, ignore_errors=True)
    shutil.rmtree(region.home.endpoints, ignore_errors=True)


def _close(region: LocalRegion) -> None:
    """Kill all jobs, endpoints and functions."""
    for kind in reversed(JOB_KINDS):  # tuning jobs first, as they start training jobs
        kind.pool(region).close()
    region.hosting.close()
    region.functions.close()
    region.processes.close()
    region.journal.close()
    region.series.close()


def _make_buckets(region: LocalRegion, options: Options) -> None:
    for name in (f"sagemaker-{REGION}-{ACCOUNT}", *options.buckets):
        try:
            region.objects.make_bucket(name)
        except ValueError as error:
            raise InvalidJob(f"--bucket {name}: {error}") from None
    notice = taxi.put(region.objects, options.taxi)
    if notice is not None:
        region.say(notice)


def _app(region: LocalRegion, s3: S3, options: Options) -> OnePort:
    models = Models()
    threading.Thread(target=models.load_all, name="models", daemon=True).start()
    return OnePort(
        {"execute-api": Gateway(region), "console": Console(region)}, Control(region, models), s3, options.hosts
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which exits with code 0 on a signal."""

    def __init__(self, app: OnePort, proxy_folder: Path) -> None:
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=entrance(proxy_folder),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        super().__init__(config)
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _say(event: str) -> None:
    """Print one line for an event."""
    with contextlib.suppress(OSError):
        print(time.strftime("%H:%M:%S"), event, file=sys.stdout, flush=True)
