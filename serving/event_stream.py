"""AWS's event stream: frames from which botocore reads an answer in parts.

Source: "Event stream encoding", AWS's developer guide to Transcribe; `botocore/eventstream.py`.
"""

import struct
import zlib
from collections.abc import Iterator

CONTENT_TYPE = "application/vnd.amazon.eventstream"
PART_BYTES = 128 * 2**10

_STRING = 7  # the type of a header's value


def payload_parts(body: bytes) -> Iterator[bytes]:
    """`body` as frames, each with one PayloadPart."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (b":message-type", b"event"),
            (b":event-type", b"PayloadPart"),
            (b":content-type", b"application/octet-stream"),
        )
    )
    for start in range(0, len(body), PART_BYTES):
        yield _frame(headers, body[start : start + PART_BYTES])


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value


def _frame(headers: bytes, payload: bytes) -> bytes:
    # Prelude: the frame's length (with the 16 bytes of prelude and checksums) and the headers', then their checksum.
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))
