"""A request from a file or from standard input, and its media type."""

import json
import sys
from pathlib import Path

from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType

SUFFIXES = {
    ".csv": CSV,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".pbr": RECORDIO,
    ".recordio": RECORDIO,
    ".txt": "text/plain",
}
RECORDIO_MAGIC = b"\x0a\x23\xd7\xce"  # 0xced7230a, least byte first


def read_request(name: str, content_type: str | None) -> tuple[bytes, MediaType]:
    """A request's bytes and its media type: the one given, or else by the file's name, or else by what it contains.

    `-` is standard input. Raises `InvalidData` if the file cannot be read.
    """
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidData(f"{name}: cannot be read ({error.strerror}).") from None
    if content_type is not None:
        return body, MediaType.parse(content_type)
    # JSON Lines are often in a file called .json.
    suffix = SUFFIXES.get(Path(name).suffix.lower())
    found = media_type_of(body) if suffix in (None, JSON) else suffix
    return body, MediaType.parse(found or CSV)


def media_type_of(body: bytes) -> str:
    """The media type that a body looks like; CSV if it is neither JSON nor RecordIO."""
    if body.startswith(RECORDIO_MAGIC):
        return RECORDIO
    if body.lstrip()[:1] not in (b"{", b"["):
        return CSV
    first, _, rest = body.strip().partition(b"\n")
    if not rest:
        return JSON
    try:
        json.loads(first)
    except ValueError:
        return JSON  # over several lines
    return JSON_LINES
