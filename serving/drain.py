"""Shutdown: answer the requests that were sent, close idle connections, and refuse the rest before SIGKILL."""

import asyncio
import socket
from collections.abc import Callable, Sequence

import uvicorn

from forecastle.serving.protocol import Protocol

READ_SECONDS = 0.5  # during which requests in transit still arrive on open connections
PAUSE_SECONDS = 0.1
FLUSH_SECONDS = 1.0  # for refusals to go out


async def stop_accepting(
    server: uvicorn.Server, listeners: Sequence[socket.socket], protocol: Callable[[], Protocol]
) -> None:
    """Accept the connections that wait in the kernel's backlog, then close the listeners, which would reset them."""
    taken = [connection for listener in listeners for connection in _waiting(listener)]
    for accepting in server.servers:
        accepting.close()
    for listener in listeners:
        listener.close()
    for open_already in _connections(server):
        open_already.end_with_answer()
    loop = asyncio.get_running_loop()
    for connection in taken:
        try:
            _, new = await loop.connect_accepted_socket(protocol, connection)
        except OSError:  # the client has disconnected
            connection.close()
        else:
            new.end_with_answer()


async def drain(server: uvicorn.Server, seconds: float) -> None:
    """Return once all connections are closed: each after the answer to its last request, or when it is idle.

    Requests that are not answered after `seconds`, or when the server must exit at once, are refused.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (connections := _connections(server)) and loop.time() < began + seconds and not server.force_exit:
        if loop.time() >= began + READ_SECONDS:
            for connection in connections:
                connection.shutdown()
        await asyncio.sleep(PAUSE_SECONDS)
    for connection in connections:
        connection.give_up()
    for task in list(server.server_state.tasks):
        task.cancel()
    flushed = loop.time() + FLUSH_SECONDS
    while _connections(server) and loop.time() < flushed:
        await asyncio.sleep(PAUSE_SECONDS)
    for connection in _connections(server):
        connection.transport.abort()
    await asyncio.sleep(0)


def _connections(server: uvicorn.Server) -> list[Protocol]:
    return list(server.server_state.connections)  # type: ignore[arg-type]  # all are ours


def _waiting(listener: socket.socket) -> list[socket.socket]:
    listener.setblocking(False)
    taken: list[socket.socket] = []
    while True:
        try:
            connection, _ = listener.accept()
        except ConnectionAbortedError:
            continue
        except OSError:  # none is waiting, or no file descriptor is left
            return taken
        connection.setblocking(False)
        taken.append(connection)
