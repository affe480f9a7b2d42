"""Buckets, objects and uploads, and their columns in the database."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from forecastle.region.s3.checksums import Checksum

BUCKET_COLUMNS = "name, created, region"
OBJECT_COLUMNS = (
    "id, bucket, key, size, etag, modified, parts, description, checksum_algorithm, checksum, checksum_kind"
)
UPLOAD_COLUMNS = "id, bucket, key, created, description, checksum_algorithm, checksum_kind, checksum_asked"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket; `created` in seconds since 1970."""

    name: str
    created: float
    region: str


@dataclass(frozen=True, slots=True)
class Description:
    """An object's headers, metadata and tags.

    Attributes
    ----------
    headers : such as content-type and cache-control, returned unchanged; names in lower case.
    metadata : x-amz-meta-… headers, without that prefix.
    tags : those of PutObjectTagging, in order.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def storage_class(self) -> str:
        return self.headers.get("x-amz-storage-class", "STANDARD")


@dataclass(frozen=True, slots=True)
class Object:
    """An object; `size` in bytes, `modified` in seconds since 1970, `parts` 0 if it was uploaded in one request."""

    id: int
    bucket: str
    key: str
    size: int
    etag: str
    modified: float
    parts: int
    description: Description
    checksum: Checksum


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Piece:
    """Bytes of an object: `size` bytes of the file `blob` from `start`, or `data`; `number` is the part's."""

    number: int
    blob: str
    start: int
    size: int
    checksum: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload; `checksum_asked` if the client chose the algorithm."""

    id: str
    bucket: str
    key: str
    created: float
    description: Description
    algorithm: str
    kind: str
    checksum_asked: bool


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Part:
    """A part of an upload; `etag` is the MD5 of its bytes, `checksum` base64 by the upload's algorithm.

    Its bytes are in the file `blob`, or in `data` if they are few.
    """

    number: int
    blob: str
    size: int
    etag: str
    checksum: str
    modified: float
    data: bytes | None


def blobs_of(pieces: Iterable[Piece | Part]) -> set[str]:
    """The files of pieces or parts."""
    return {piece.blob for piece in pieces if piece.blob}


def object_of(row: tuple[Any, ...]) -> Object:
    """An object from its row of OBJECT_COLUMNS."""
    id_, bucket, key, size, etag, modified, parts, description, algorithm, value, kind = row
    return Object(
        id_,
        bucket,
        key.decode(),
        size,
        etag,
        modified,
        parts,
        description_of(description),
        Checksum(algorithm, value, kind),
    )


def upload_of(row: tuple[Any, ...]) -> Upload:
    id_, bucket, key, created, description, algorithm, kind, asked = row
    return Upload(id_, bucket, key.decode(), created, description_of(description), algorithm, kind, bool(asked))


def description_of(text: str) -> Description:
    return Description(**json.loads(text))


def text_of(description: Description) -> str:
    return json.dumps({"headers": description.headers, "metadata": description.metadata, "tags": description.tags})
