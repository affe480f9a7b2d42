"""Rows of numbers, out of a request's body or a training file of any content type."""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from forecastle.contract import media_type
from forecastle.contract.errors import InvalidData, UnsupportedMediaType
from forecastle.contract.media_type import MediaType
from forecastle.contract.place import At, Source
from forecastle.formats import csv, json, json_lines, recordio
from forecastle.formats.block import Block

REQUEST_TYPES = (media_type.CSV, media_type.JSON, media_type.JSON_LINES, media_type.RECORDIO)
FILE_TYPES = (media_type.CSV, media_type.RECORDIO)
_BLOCK_BYTES = 1 << 20
_DENSE_BYTES = 256 << 20
_START = (At("byte", 0),)
_HEADER = (Source("Content-Type"),)
_GZIP = b"\x1f\x8b"
_FOREIGN = {
    _GZIP: "gzip data",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"\x93NUMPY": "a NumPy array",
    b"{": "JSON",
    b"[": "JSON",
}


def decode_rows(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int = _DENSE_BYTES) -> Block:
    """The rows of a request, without labels, with `width` columns where it is given.

    `max_bytes` bounds what sparse rows may take once they are dense. Raises `InvalidData` with the place of the fault,
    `PayloadTooLarge`, and `UnsupportedMediaType` for what is none of `REQUEST_TYPES` in UTF-8.
    """
    if body.startswith(_GZIP):
        raise InvalidData(place=_START, expected=content_type.essence, got="gzip data; send it uncompressed")
    if content_type.essence == media_type.RECORDIO:
        return recordio.decode(body, width=width, max_bytes=max_bytes)
    content_type.require_utf8()
    if content_type.essence == media_type.CSV:
        if label_size(content_type, 0) != 0:
            raise InvalidData(place=_HEADER, expected="label_size=0, as a request has no labels", got="label_size=1")
        _require_text(body)
        return csv.decode(body, width=width)
    if content_type.essence == media_type.JSON:
        return json.decode(body, width=width, max_bytes=max_bytes)
    if content_type.essence == media_type.JSON_LINES:
        return json_lines.decode(body, width=width, max_bytes=max_bytes)
    raise UnsupportedMediaType(place=_HEADER, expected=f"one of {', '.join(REQUEST_TYPES)}", got=content_type.essence)


def read_rows(
    stream: BinaryIO,
    content_type: MediaType | None,
    *,
    default_label_size: int = 0,
    block_bytes: int = _BLOCK_BYTES,
) -> Iterator[Block]:
    """The rows of a training file, block by block, in memory that hangs on `block_bytes` and not on the file.

    Without a content type the first bytes tell RecordIO from CSV. In CSV, `default_label_size` counts where the
    content type has no `label_size`: with 1 the first column is the label. Raises `InvalidData` with the place of the
    fault, `UnsupportedMediaType` for what is none of `FILE_TYPES`.
    """
    first = stream.read(block_bytes)
    chunks = chain([first], iter(lambda: stream.read(block_bytes), b""))
    for magic, name in _FOREIGN.items():
        if first.startswith(magic):
            raise InvalidData(place=_START, expected=" or ".join(FILE_TYPES), got=name)
    if content_type is None:
        essence = media_type.RECORDIO if first.startswith(recordio.MAGIC) else media_type.CSV
    else:
        essence = content_type.essence
    if essence == media_type.RECORDIO:
        return recordio.read(chunks)
    if essence == media_type.CSV:
        if content_type is not None:
            content_type.require_utf8()
            default_label_size = label_size(content_type, default_label_size)
            _require_text(first)
        return csv.read(chunks, label_size=default_label_size)
    place = (Source("ContentType"),)
    raise UnsupportedMediaType(place=place, expected=f"one of {', '.join(FILE_TYPES)}", got=essence)


def _require_text(data: bytes) -> None:
    if data.startswith(recordio.MAGIC):
        raise InvalidData(place=_START, expected=media_type.CSV, got=media_type.RECORDIO)


def label_size(content_type: MediaType, default: int) -> int:
    """How many of the first columns of a CSV are labels: 0 or 1."""
    text = content_type.parameters.get("label_size", str(default))
    if text not in ("0", "1"):
        raise InvalidData(place=_HEADER, expected="label_size=0 or label_size=1", got=f"label_size={text[:40]}")
    return int(text)
