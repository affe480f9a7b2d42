"""A server that answers as a script says, for what a server of ours does only when it is in trouble."""

import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

LENGTH = b"content-length:"


class ScriptedServer:
    """Gives one answer of the script for each request, the last one for all that follow.

    With `closes` it closes each connection after its answer without having said so, as a server does with connections
    that were idle for too long. `bodies` has the requests' bodies, `heads` what stands before them.
    """

    def __init__(self, answers: Sequence[bytes], *, closes: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self._answers, self._closes = list(answers), closes
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while head := b"".join(iter(file.readline, b"\r\n")):
                lengths = [line.partition(b":")[2] for line in head.splitlines() if line.lower().startswith(LENGTH)]
                self.heads.append(head)
                self.bodies.append(file.read(int(lengths[0])))
                connection.sendall(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])
                if self._closes:
                    return


def answer(status: str, body: bytes, *headers: str) -> bytes:
    """An answer in HTTP's form."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body
