"""The leading host of a group: it runs the server, combines the parts of each round, and watches the others."""

import asyncio
import concurrent.futures
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import uvicorn
import uvloop

from forecastle.algorithms.group import Group
from forecastle.algorithms.job import JobLog
from forecastle.contract.errors import HostLost, InvalidJob, Stopped
from forecastle.training.hosts.app import app_of
from forecastle.training.hosts.fault import Fault
from forecastle.training.hosts.meeting import Failed, Meeting

RETRY_SECONDS = 0.2
FAREWELL_SECONDS = 5.0  # in which the others are informed of a failure
KEEP_ALIVE_SECONDS = 10**6  # a host may compute for long between two rounds

T = TypeVar("T")


class LeadingHost(Group):
    """The first of the hosts; `others` are the names of all others, in order."""

    def __init__(
        self, others: Sequence[str], address: tuple[str, int], token: str, log: JobLog, seconds: float
    ) -> None:  # `seconds`: to wait until the address can be resolved, and then until the others have come
        self.size = 1 + len(others)
        self._others, self._address, self._token, self._log = tuple(others), address, token, log
        self._strangers: set[str] = set()
        self._rounds, self._deadline = 0, time.monotonic() + seconds
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop
        self._meeting: Meeting
        self._server: uvicorn.Server
        self._listener = _listening(address, self._deadline)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hosts", daemon=True)
        self._thread.start()
        self._started.wait()

    def join(self, stopping: Callable[[], bool]) -> None:
        """Wait for the others. Raises `HostLost` if one does not come, what one failed with, `Stopped` on SIGTERM."""
        self._log.line(f"Waiting for {', '.join(self._others)} at {self._address[0]}:{self._address[1]}.")
        here = self._submit(self._meeting.all_here())
        while True:
            try:
                return self._result(here, min(0.5, max(self._deadline - time.monotonic(), 0.0)))
            except concurrent.futures.TimeoutError:
                if stopping():
                    raise Stopped("stopped by SIGTERM before all hosts had come; there is no model.") from None
                if time.monotonic() >= self._deadline:
                    missing = ", ".join(self._meeting.missing)
                    raise HostLost(
                        f"{missing} did not come to {self._log.host} within {self._seconds:g} seconds."
                    ) from None

    def exchange(self, part: bytes, combine: Callable[[Sequence[bytes]], bytes]) -> bytes:
        number, self._rounds = self._rounds, self._rounds + 1
        result = combine([part, *self._result(self._submit(self._meeting.parts(number)))])
        self._loop.call_soon_threadsafe(self._meeting.settle, number, result)
        return result

    def check(self) -> None:
        """Raises what another host has failed with, if one has."""
        if self._meeting.fault is not None:
            raise self._meeting.fault.error()

    def finish(self) -> None:
        """The model is written: let the others end, and wait until they have."""
        self._loop.call_soon_threadsafe(self._meeting.finish)
        self._submit(self._meeting.all_left()).result()

    def fail(self, error: BaseException) -> None:
        """Inform the others of this host's failure, or of the one that caused it."""
        self._loop.call_soon_threadsafe(self._meeting.fail, Fault.of(self._log.host, error))
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self._submit(self._meeting.all_left()).result(FAREWELL_SECONDS)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _submit(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _result(self, future: "concurrent.futures.Future[T]", seconds: float | None = None) -> T:
        try:
            return future.result(seconds)
        except Failed:
            assert self._meeting.fault is not None
            raise self._meeting.fault.error() from None

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._meeting = asyncio.get_running_loop(), Meeting(self._others)
        config = uvicorn.Config(
            app_of(self._meeting, self._token, self._refused),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http="httptools",
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._started.set()
        watching = asyncio.ensure_future(self._meeting.watch())
        await self._server.serve(sockets=[self._listener])
        watching.cancel()

    def _refused(self, address: str) -> None:
        if address not in self._strangers and len(self._strangers) < 100:
            self._strangers.add(address)
            self._log.warning(f"A connection from {address} was refused: it does not have this job's token.")


def _listening(address: tuple[str, int], deadline: float) -> socket.socket:
    """A socket that listens at the address, once its name can be resolved. Raises `InvalidJob`."""
    host, port = address
    while True:
        try:
            family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(place[:2], family=family, backlog=1024)
        except socket.gaierror:
            reason = "its name cannot be resolved"
            if time.monotonic() < deadline:
                time.sleep(RETRY_SECONDS)
                continue
        except OSError as error:
            reason = os.strerror(error.errno or 0)
        raise InvalidJob(
            f"{host}:{port}: the leading host cannot listen there ({reason}); set FORECASTLE_LEADER to another address."
        )
