"""Connections that are kept to model servers."""

import asyncio

from forecastle.region.sagemaker.endpoints.connections import Connections

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced() -> None:
    async def twice() -> list[bytes]:
        closed = asyncio.Event()

        async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            closed.set()

        connections = Connections()
        async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/invocations"
            first = await connections.post(url, b"", {}, 30)
            await closed.wait()
            await asyncio.sleep(0.1)  # the client's end sees it
            second = await connections.post(url, b"", {}, 30)
        return [first.body, second.body]

    assert asyncio.run(twice()) == [b"ok", b"ok"]
