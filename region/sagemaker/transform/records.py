"""Splitting objects into records, and batching records into requests.

Source: "TransformInput" and "CreateTransformJob", AWS's API reference.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from forecastle.region.sagemaker.jobs import ClientFailure

RECORDIO_MAGIC = 0xCED7230A
CHUNK = 2**20


class Uncut(ClientFailure):
    """The object cannot be split as requested; the message says where."""


def records(file: BinaryIO, split: str) -> Iterator[bytes]:
    """The records of an object; `split` is None, Line, RecordIO or TFRecord."""
    if split == "None":
        content = file.read()
        if content:
            yield content
    elif split == "Line":
        yield from _lines(file)
    elif split == "RecordIO":
        yield from _recordio(file)
    else:
        yield from _tfrecords(file)


def requests(found: Iterator[bytes], several: bool, limit: int | None) -> Iterator[list[bytes]]:
    """Batches of records of at most `limit` bytes. Raises `Uncut` for a larger record."""
    pack: list[bytes] = []
    size = 0
    for number, record in enumerate(found, start=1):
        if limit is not None and len(record) > limit:
            raise Uncut(f"record {number} has {len(record)} bytes, and MaxPayloadInMB allows {limit}.")
        if pack and (not several or (limit is not None and size + len(record) > limit)):
            yield pack
            pack, size = [], 0
        pack.append(record)
        size += len(record)
        if not several:
            yield pack
            pack, size = [], 0
    if pack:
        yield pack


def _lines(file: BinaryIO) -> Iterator[bytes]:
    left = b""
    while chunk := file.read(CHUNK):
        *lines, left = (left + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines if line.strip())
    if left.strip():
        yield left + b"\n"


def _recordio(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while head := file.read(8):
        number += 1
        magic, length = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
        padded = (length & 0x1FFFFFFF) + 3 & ~3
        content = file.read(padded)
        if magic != RECORDIO_MAGIC or len(content) < padded:
            raise Uncut(f"record {number}: expected a RecordIO header and a complete record.")
        yield head + content


def _tfrecords(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while head := file.read(12):
        number += 1
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else 0
        content = file.read(length + 4)
        if len(head) < 12 or len(content) < length + 4:
            raise Uncut(f"record {number}: expected a TFRecord header and a complete record.")
        yield head + content
