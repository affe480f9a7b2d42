"""An object of a transform job, cut into records and packed into requests.

Source: "TransformInput" and "CreateTransformJob", AWS's API reference.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from forecastle.region.sagemaker.jobs import ClientFailure

RECORDIO_MAGIC = 0xCED7230A
CHUNK = 2**20


class Uncut(ClientFailure):
    """The object could not be cut as the job asks; the sentence says where."""


def records(file: BinaryIO, split: str) -> Iterator[bytes]:
    """The records of an object, each as it is sent: `split` is None, Line, RecordIO or TFRecord."""
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
    """Records packed into requests of `limit` bytes at the most. Raises `Uncut` for one that is larger by itself."""
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
            raise Uncut(f"record {number}: expected RecordIO's frame.")
        yield head + content


def _tfrecords(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while head := file.read(12):
        number += 1
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else 0
        content = file.read(length + 4)
        if len(head) < 12 or len(content) < length + 4:
            raise Uncut(f"record {number}: expected TFRecord's frame.")
        yield head + content
