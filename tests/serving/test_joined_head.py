"""What reaches a connection's transport when uvicorn writes the head of a response and its body."""

import asyncio
from collections.abc import Callable

import pytest

from forecastle.serving.joined_head import MOST_BYTES, MOST_COPIED, JoinedHead

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"


class Recorded(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls


def calls(use: Callable[[JoinedHead], None]) -> tuple[list[bytes | str], list[bytes | str]]:
    """The transport's calls at once, and those after the event loop's iteration."""

    async def run() -> tuple[list[bytes | str], list[bytes | str]]:
        transport = Recorded()
        use(JoinedHead(transport, asyncio.get_running_loop()))
        at_once = list(transport.calls)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return at_once, transport.calls[len(at_once) :]

    return asyncio.run(run())


def test_a_head_and_its_body_are_one_write() -> None:
    def use(transport: JoinedHead) -> None:
        for body in (b"1", b"2"):
            transport.write(HEAD)
            transport.write(body)
        transport.write(b"more")

    assert calls(use) == ([HEAD + b"1", HEAD + b"2", b"more"], [])


@pytest.mark.parametrize("head", [HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_does_not_wait_for_a_later_body(head: bytes) -> None:
    assert calls(lambda transport: transport.write(head)) == ([], [head])


def test_large_parts_are_not_copied() -> None:
    large = HEAD + b"x" * MOST_BYTES
    assert calls(lambda transport: transport.write(large)) == ([large], [])
    body = b"x" * (MOST_COPIED + 1)

    def use(transport: JoinedHead) -> None:
        transport.write(HEAD)
        transport.write(body)

    assert calls(use) == ([HEAD, body], [])


def test_a_connection_is_closed_after_a_head_and_aborted_without_it() -> None:
    def close(transport: JoinedHead) -> None:
        transport.write(HEAD)
        transport.close()
        assert transport.is_closing()

    def abort(transport: JoinedHead) -> None:
        transport.write(HEAD)
        transport.abort()

    assert calls(close) == ([HEAD, "close"], [])
    assert calls(abort) == (["abort"], [])
