"""The checksums of objects, with S3's names.

CRCs and xxHashes are computed by awscrt, AWS's library in C, at 1 to 15 GB/s; it also combines the CRCs of parts.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from awscrt import checksums as crt

from forecastle.region.s3.errors import S3Error

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum: its algorithm, its value in base64 (followed by `-parts` if it is composite), and its kind."""

    algorithm: str
    value: str
    kind: str = FULL_OBJECT


class Digest(Protocol):
    """The interface of hashlib's objects and ours."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self.step, self.size, self.value = step, size, 0

    def update(self, data: bytes, /) -> None:
        self.value = self.step(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self.size, "big")


class _XxHash:
    def __init__(self, state: crt.XXHash) -> None:
        self.state = state

    def update(self, data: bytes, /) -> None:
        self.state.update(data)

    def digest(self) -> bytes:
        return bytes(self.state.finalize())


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    "CRC32": lambda: _Crc(crt.crc32, 4),
    "CRC32C": lambda: _Crc(crt.crc32c, 4),
    "CRC64NVME": lambda: _Crc(crt.crc64nvme, 8),
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": hashlib.md5,
    "XXHASH64": lambda: _XxHash(crt.XXHash.new_xxhash64()),
    "XXHASH3": lambda: _XxHash(crt.XXHash.new_xxhash3_64()),
    "XXHASH128": lambda: _XxHash(crt.XXHash.new_xxhash3_128()),
}
DEFAULT = "CRC64NVME"  # which S3 computes if the client sends none
_COMBINE = {"CRC32": crt.combine_crc32, "CRC32C": crt.combine_crc32c, "CRC64NVME": crt.combine_crc64nvme}


def check_algorithm(name: str, header: str) -> str:
    """The name of an algorithm, in upper case; InvalidRequest for an unknown one."""
    if name.upper() not in ALGORITHMS:
        raise S3Error("InvalidRequest", f"Value for {header} header is invalid.")
    return name.upper()


def check_value(algorithm: str, value: str) -> str:
    """Refuse a value that is not base64 of the algorithm's size."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except ValueError:
        size = -1
    if size != len(ALGORITHMS[algorithm]().digest()):
        raise S3Error("InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
    return value


def text_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def usual_kind(algorithm: str) -> str:
    """The default kind of a multipart upload."""
    return FULL_OBJECT if algorithm == "CRC64NVME" else COMPOSITE


def check_kind(algorithm: str, kind: str) -> str:
    """The kind, if S3 supports it for that algorithm: only CRCs combine, and CRC64NVME is never composite."""
    if kind not in (FULL_OBJECT, COMPOSITE):
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    if (kind == FULL_OBJECT and algorithm not in _COMBINE) or (kind == COMPOSITE and algorithm == "CRC64NVME"):
        raise S3Error(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    return kind


def of_parts(algorithm: str, kind: str, parts: Iterable[tuple[str, int]]) -> Checksum:
    """The checksum of an object from those of its parts, each with its size in bytes."""
    values = [(base64.b64decode(value), size) for value, size in parts]
    if kind == COMPOSITE:
        digest = ALGORITHMS[algorithm]()
        for value, _ in values:
            digest.update(value)
        return Checksum(algorithm, f"{text_of(digest.digest())}-{len(values)}", kind)
    combine, whole = _COMBINE[algorithm], 0
    for value, size in values:
        whole = combine(whole, int.from_bytes(value, "big"), size)
    return Checksum(algorithm, text_of(whole.to_bytes(len(values[0][0]), "big")), kind)
