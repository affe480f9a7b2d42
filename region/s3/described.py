"""The description of an object: from request headers, and to response headers."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from forecastle.region.s3 import xml
from forecastle.region.s3.checksums import Checksum
from forecastle.region.s3.entries import Description, Object
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.response import http_time
from forecastle.region.s3.tags import check_tags

LARGEST_METADATA = 2048  # bytes of names and values

_META = "x-amz-meta-"
_KEPT = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_REFUSED = ("x-amz-server-side-encryption-customer-", "x-amz-object-lock-", "x-amz-write-offset-bytes")
_STORAGE_CLASSES = {
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "EXPRESS_ONEZONE",
}
_OVERRIDES = ("content-type", "content-language", "expires", "cache-control", "content-disposition", "content-encoding")


def description_from(headers: Mapping[str, str]) -> Description:
    """The description in the headers of a request that creates an object. It is only stored and returned.

    NotImplemented for customer-provided keys, locks and appending; AccessControlListNotSupported as in a bucket with
    BucketOwnerEnforced.
    """
    for name in headers:
        if name.startswith(_REFUSED):
            raise S3Error("NotImplemented", Header=name)
    if sets_access(headers):
        raise S3Error("AccessControlListNotSupported")
    kept = {name: headers[name] for name in _KEPT if name in headers}
    encodings = [
        part for part in kept.pop("content-encoding", "").split(",") if part.strip() not in ("", "aws-chunked")
    ]
    if encodings:
        kept["content-encoding"] = ",".join(encodings).strip()
    kept.setdefault("content-type", "binary/octet-stream")
    if kept.get("x-amz-storage-class", "STANDARD") not in _STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", StorageClassRequested=kept["x-amz-storage-class"])
    if kept.get("x-amz-storage-class") == "STANDARD":
        del kept["x-amz-storage-class"]
    metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > LARGEST_METADATA:
        raise S3Error("MetadataTooLarge", Size=size, MaxSizeAllowed=LARGEST_METADATA)
    return Description(kept, metadata, tags_from(headers))


def sets_access(headers: Mapping[str, str]) -> bool:
    """Whether a request gives access to others than the owner."""
    if any(name.startswith("x-amz-grant-") for name in headers):
        return True
    return headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control")


def tags_from(headers: Mapping[str, str]) -> dict[str, str]:
    """The tags of `x-amz-tagging`, which has the format of a query string."""
    pairs = parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)
    return check_tags(pairs, most=10)


def object_headers(entry: Object) -> dict[str, str]:
    """The headers of an object, without its checksum and the overrides of the request."""
    headers = {
        "last-modified": http_time(entry.modified),
        "etag": f'"{entry.etag}"',
        "accept-ranges": "bytes",
        "x-amz-server-side-encryption": "AES256",
        **entry.description.headers,
        **{_META + name: value for name, value in entry.description.metadata.items()},
    }
    if entry.description.tags:
        headers["x-amz-tagging-count"] = str(len(entry.description.tags))
    return headers


def written_headers(entry: Object) -> dict[str, str]:
    """The headers of the response to PutObject."""
    return {"etag": f'"{entry.etag}"', **encryption_headers(entry.description), **checksum_headers(entry.checksum)}


def encryption_headers(description: Description) -> dict[str, str]:
    start = "x-amz-server-side-encryption"
    named = {name: value for name, value in description.headers.items() if name.startswith(start)}
    return {start: "AES256", **named}


def checksum_headers(checksum: Checksum) -> dict[str, str]:
    return {
        f"x-amz-checksum-{checksum.algorithm.lower()}": checksum.value,
        "x-amz-checksum-type": checksum.kind,
    }


def checksum_elements(checksum: Checksum) -> list[tuple[str, xml.Content]]:
    return [(f"Checksum{checksum.algorithm}", checksum.value), ("ChecksumType", checksum.kind)]


def overrides(query: Mapping[str, str]) -> dict[str, str]:
    """The response headers that a GET overrides, such as `response-content-type=…`."""
    return {name: query[f"response-{name}"] for name in _OVERRIDES if f"response-{name}" in query}
