"""Rows of numbers, from a request's body or a training file of any content type."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from typing import BinaryIO

from forecastle import formats
from forecastle.contract.errors import InvalidData, UnsupportedMediaType
from forecastle.contract.media_type import CONTENT_TYPE, CSV, MediaType
from forecastle.contract.place import At, Source
from forecastle.formats.block import Block
from forecastle.formats.format import Format


def _found() -> dict[str, Format]:
    """The formats of this package by media type, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    modules = [import_module(f"{formats.__name__}.{name}") for name in names]
    return {module.FORMAT.media_type: module.FORMAT for module in modules if hasattr(module, "FORMAT")}


FORMATS = _found()
REQUEST_TYPES = tuple(FORMATS)
FILE_TYPES = tuple(name for name, each in FORMATS.items() if each.read is not None)
_BLOCK_BYTES = 1 << 20
_DENSE_BYTES = 256 << 20
_START = (At("byte", 0),)
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
    """The rows of a request, without labels, with `width` columns if it is given.

    `max_bytes` limits the size of sparse rows as dense ones. Raises `InvalidData` with the place of the error,
    `PayloadTooLarge`, and `UnsupportedMediaType` for a type that is not in `REQUEST_TYPES`, or not in UTF-8.
    """
    if body.startswith(_GZIP):
        raise InvalidData(place=_START, expected=content_type.essence, got="gzip data", hint="send it uncompressed")
    found = FORMATS.get(content_type.essence)
    if found is None or found.text:
        content_type.require_utf8()
    if found is None:
        raise UnsupportedMediaType(
            place=CONTENT_TYPE, expected=f"one of {', '.join(REQUEST_TYPES)}", got=content_type.essence
        )
    return found.decode(body, content_type, width=width, max_bytes=max_bytes)


def read_rows(
    stream: BinaryIO,
    content_type: MediaType | None,
    *,
    default_label_size: int = 0,
    block_bytes: int = _BLOCK_BYTES,
) -> Iterator[Block]:
    """The rows of a training file, block by block, in memory that depends on `block_bytes` and not on the file.

    A file without a content type is in the format whose magic bytes it begins with, else CSV. `default_label_size`
    applies to CSV whose content type has no `label_size`: with 1 the first column is the label. Raises `InvalidData`
    with the place of the error, `UnsupportedMediaType` for a type that is not in `FILE_TYPES`.
    """
    first = stream.read(block_bytes)
    chunks = chain([first], iter(lambda: stream.read(block_bytes), b""))
    for magic, name in _FOREIGN.items():
        if first.startswith(magic):
            raise InvalidData(place=_START, expected=" or ".join(FILE_TYPES), got=name)
    essence = content_type.essence if content_type is not None else _recognized(first)
    found = FORMATS.get(essence)
    if found is None or found.read is None:
        place = (Source("ContentType"),)
        raise UnsupportedMediaType(place=place, expected=f"one of {', '.join(FILE_TYPES)}", got=essence)
    if content_type is not None and found.text:
        content_type.require_utf8()
    return found.read(chunks, content_type, label_size=default_label_size)


def _recognized(first: bytes) -> str:
    """The media type of a file, from its first bytes."""
    return next((each.media_type for each in FORMATS.values() if each.magic and first.startswith(each.magic)), CSV)
