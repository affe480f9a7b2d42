"""A socket on a port of this machine."""

import os
import socket

from forecastle.contract.errors import InvalidJob

BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """A socket that takes connections already. Raises `InvalidJob` where the port is taken."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise InvalidJob(f"{host}:{port}: the region cannot be bound there ({reason}); --port takes another.") from None
