"""A listening socket."""

import os
import socket

from forecastle.contract.errors import InvalidJob

BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `InvalidJob` if the port is in use."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise InvalidJob(
            f"{host}:{port}: the region cannot listen there ({reason}); choose another with --port."
        ) from None
