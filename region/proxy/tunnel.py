"""The proxy: a connection that begins with CONNECT to a host of AWS's becomes TLS that ends here, with HTTP in it."""

import re
import ssl
from asyncio import Task, Transport
from pathlib import Path

from forecastle.region.connection import HEAD_BYTES, Connection
from forecastle.region.proxy.domains import is_aws

HANDSHAKE_SECONDS = 10.0
CONNECT = b"CONNECT "
END = b"\r\n\r\n"
TARGET = re.compile(rb"CONNECT ([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):(\d{1,5}) HTTP/1\.[01]\r\n")


class Refused(Exception):
    """A tunnel that there is not; the sentence says why."""


class Entrance(Connection):
    """HTTP, or a tunnel where the first request is CONNECT."""

    folder: Path  # the proxy's certificates
    _head: bytes | None = b""  # what was read while it may be a CONNECT
    _task: "Task[None] | None" = None

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            super().data_received(data)
            return
        self._head += data
        if not (self._head.startswith(CONNECT) or CONNECT.startswith(self._head)):
            head, self._head = self._head, None
            super().data_received(head)
        elif END in self._head or len(self._head) > HEAD_BYTES:
            self._connect(self._head)

    def _connect(self, head: bytes) -> None:
        self._stop_timer()
        try:
            _, end, rest = head.partition(END)
            if rest or not end:
                raise Refused("CONNECT: expected headers, and nothing after them before it is answered.")
            context = context_of(head, self.folder)
        except Refused as error:
            self.write_refusal(f"403 {error}", str(error))  # of a refused tunnel, clients show the status line alone
            return
        self.connections.discard(self)
        self._task = self.loop.create_task(self._end_tunnel(context))

    async def _end_tunnel(self, context: ssl.SSLContext) -> None:
        """Answer CONNECT, and speak TLS and HTTP from then on."""
        inside = Inside(self.config, self.server_state, self.app_state, self.loop)
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            encrypted = await self.loop.start_tls(
                self.transport, inside, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, RuntimeError):  # such as a client that does not trust the authority, or is gone
            self.transport.abort()
            return
        if encrypted is not None:
            inside.begin(encrypted)


def entrance(folder: Path) -> type[Entrance]:
    """What uvicorn makes for each connection; `folder` has the proxy's certificates."""
    return type("Entrance", (Entrance,), {"folder": folder})


class Inside(Connection):
    """HTTP in a tunnel. Its first bytes may come before `start_tls` has returned."""

    _early = b""
    _begun = _lost = False

    def data_received(self, data: bytes) -> None:
        if self._begun:
            super().data_received(data)
        else:
            self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._begun:
            super().connection_lost(exc)

    def begin(self, transport: Transport) -> None:
        """Speak HTTP, now that TLS stands."""
        if self._lost:
            return
        self._begun = True
        self.connection_made(transport)
        if self._early:
            self.data_received(self._early)


def context_of(head: bytes, folder: Path) -> ssl.SSLContext:
    """How to end the tunnel that a CONNECT asks for. Raises `Refused`."""
    found = TARGET.match(head)
    if found is None:
        raise Refused("CONNECT: expected a host and a port, such as sts.us-east-1.amazonaws.com:443.")
    host, port = found[1].decode().lower().rstrip("."), int(found[2])
    if not is_aws(host):
        raise Refused(
            f"{host} is no host of AWS's. The region's proxy answers for these and forwards nothing, so that nothing "
            f"leaves the machine; a client with {host} in NO_PROXY goes there without it."
        )
    if port != 443:
        raise Refused(f"{host}:{port}: the region's proxy answers for port 443 only.")
    from forecastle.region.proxy.authority import context_for  # imports cryptography, for which others have no use

    context = context_for(folder, host)
    if context is None:
        raise Refused("The region's proxy has no certificates yet: `forecastle region env --proxy` makes them.")
    return context
