"""The proxy: a connection that begins with CONNECT to a host of AWS's becomes TLS that ends here, with HTTP in it."""

import re
import ssl
from asyncio import Task, Transport
from pathlib import Path

from forecastle.region.connection import END, Connection, Refused
from forecastle.region.proxy.domains import is_aws

HANDSHAKE_SECONDS = 10.0
CONNECT = b"CONNECT "
TARGET = re.compile(rb"CONNECT ([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):(\d{1,5}) HTTP/1\.[01]\r\n")


class Entrance(Connection):
    """HTTP, or a tunnel where a request is CONNECT."""

    folder: Path  # the proxy's certificates
    _task: "Task[None] | None" = None

    def head_received(self, data: bytes, end: int) -> None:
        if not data.startswith(CONNECT):
            super().head_received(data, end)
            return
        try:
            if len(data) > end + len(END):
                raise Refused("CONNECT: expected nothing after the headers before it is answered.")
            context = context_of(data, self.folder)
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
