"""An S3 server: `python -m tests.region.s3.serve FOLDER [ACCOUNT]` prints its port, and serves."""

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn

from forecastle.region.s3.app import S3


async def serve(folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(S3(folder), log_level="warning", server_header=False)
    print(listener.getsockname()[1], flush=True)
    await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
