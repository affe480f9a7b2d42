"""A host of a group other than the leading one: a client of the leading host's server."""

import contextlib
import http.client
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus

from forecastle.algorithms.group import Group
from forecastle.algorithms.job import JobLog
from forecastle.contract.errors import HostLost, InvalidJob, Stopped
from forecastle.training.hosts.fault import Fault
from forecastle.training.hosts.meeting import GRACE_SECONDS, SILENCE_SECONDS

RETRY_SECONDS = 0.2
TRANSFER_SECONDS = 600.0  # for one part or result; a lost host is noticed earlier

Lost = (OSError, http.client.HTTPException)
PROXIED = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)  # also by proxies


class FollowingHost(Group):
    """The host with that number; `leader` is the name of the leading one, which listens at `address`."""

    def __init__(
        self, number: int, size: int, leader: str, address: tuple[str, int], token: str, log: JobLog, seconds: float
    ) -> None:  # `seconds`: to wait for the leading host
        self.number, self.size = number, size
        self._leader, self._address, self._log = leader, address, log
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection(*address, timeout=TRANSFER_SECONDS)
        self._rounds, self._seconds = 0, seconds
        self._fault: Fault | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hosts", daemon=True)

    def join(self, stopping: Callable[[], bool]) -> None:
        """Wait for the leading host. Raises `HostLost` if it does not answer, `Stopped` on SIGTERM."""
        host, port = self._address
        self._log.line(f"Waiting for {self._leader} at {host}:{port}.")
        deadline, process, reason = time.monotonic() + self._seconds, uuid.uuid4().hex.encode(), ""
        while time.monotonic() < deadline:
            if stopping():
                raise Stopped("stopped by SIGTERM before all hosts had come; there is no model.")
            connection = http.client.HTTPConnection(host, port, timeout=SILENCE_SECONDS)
            try:
                status, body = self._request(connection, "POST", f"/hosts/{self._log.host}", process)
            except Lost as error:
                reason = str(error) or type(error).__name__
            else:
                if status == HTTPStatus.NO_CONTENT:
                    self._thread.start()
                    return
                if status == HTTPStatus.CONFLICT:
                    raise InvalidJob(f"Another host called {self._log.host} has joined this job already.")
                if status == HTTPStatus.SERVICE_UNAVAILABLE and (fault := Fault.from_json(body)):
                    raise fault.error()
                reason = body.decode("utf-8", "replace").strip()[:200].rstrip(".") or f"the status {status}"
            finally:
                connection.close()
            time.sleep(RETRY_SECONDS)
        raise HostLost(
            f"Host {self._leader}, which leads, did not answer {self._log.host} at {host}:{port} within "
            f"{self._seconds:g} seconds: {reason}."
        )

    def exchange(self, part: bytes, combine: Callable[[Sequence[bytes]], bytes]) -> bytes:
        del combine
        path, self._rounds = f"/rounds/{self._rounds}/{self._log.host}", self._rounds + 1
        status, body = self._ask("POST", path, part)
        while status == HTTPStatus.ACCEPTED:
            status, body = self._ask("GET", path)
        return body

    def check(self) -> None:
        """Raises what another host has failed with, if one has."""
        if self._fault is not None:
            raise self._fault.error()

    def finish(self) -> None:
        """Wait until the leading host has written the model."""
        while self._ask("GET", f"/end/{self._log.host}")[0] == HTTPStatus.ACCEPTED:
            pass

    def fail(self, error: BaseException) -> None:
        """Inform the others of this host's failure."""
        if self._fault is None and self._thread.is_alive():
            connection = http.client.HTTPConnection(*self._address, timeout=GRACE_SECONDS)
            with contextlib.suppress(*Lost):
                fault = Fault.of(self._log.host, error)
                self._request(connection, "POST", f"/faults/{self._log.host}", fault.as_json())
            connection.close()

    def close(self) -> None:
        self._over.set()
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The answer to a request, repeated if the leading host did not answer it. Raises a failed host's error."""
        while True:
            self.check()
            try:
                status, answer = self._request(self._connection, method, path, body)
            except Lost:
                self._connection.close()
                time.sleep(RETRY_SECONDS)
                continue  # until the thread that watches says that the host is lost
            if status in PROXIED:
                self._fault = self._fault or Fault.from_json(answer)
                time.sleep(RETRY_SECONDS)
            elif status == HTTPStatus.GONE:
                raise Stopped("The leading host was stopped; its model has been written.")
            elif status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
                raise HostLost(f"Host {self._leader}, which leads, answered {path} with the status {status}.")
            else:
                return status, answer

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b""
    ) -> tuple[int, bytes]:
        connection.request(method, path, body=body if method == "POST" else None, headers=self._headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _watch(self) -> None:
        """Ask the leading host each second whether all is well, until it is not."""
        connection = http.client.HTTPConnection(*self._address, timeout=SILENCE_SECONDS)
        heard = time.monotonic()
        while self._fault is None and not self._over.is_set():
            try:
                status, body = self._request(connection, "GET", f"/hosts/{self._log.host}")
                if status in PROXIED:
                    self._fault = Fault.from_json(body)
                    raise ConnectionError
                heard = time.monotonic()
            except Lost:
                connection.close()
                if self._fault is None and time.monotonic() > heard + GRACE_SECONDS:
                    self._fault = Fault(
                        "other",
                        f"Host {self._leader}, which leads, is gone: it was killed, or cannot be reached any more.",
                    )
                self._over.wait(RETRY_SECONDS)
        connection.close()
        if not self._over.is_set():
            self._interrupt()

    def _interrupt(self) -> None:
        """End the request that the job waits for."""
        waiting = self._connection.sock
        if waiting is not None:
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)
