"""AWS's event stream encoding, for streamed responses.

Source: "Event stream encoding", AWS's developer guide to Transcribe; `botocore/eventstream.py`.
"""

import struct
import zlib
from collections.abc import AsyncIterator

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7  # type of a header value


async def payload_parts(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Each part as a PayloadPart."""
    async for part in parts:
        yield _frame(
            _headers(
                {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
            ),
            part,
        )


def _headers(named: dict[str, str]) -> bytes:
    return b"".join(_header(name.encode(), value.encode()) for name, value in named.items())


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value


def _frame(headers: bytes, payload: bytes) -> bytes:
    # Prelude: the frame's length (with the 16 bytes of prelude and checksums) and the headers', then their checksum.
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))
