"""Listings of a bucket's objects: versions 1 and 2 of the operation, and ListObjectVersions."""

import base64
from collections.abc import Callable
from urllib.parse import quote

from forecastle.region.s3 import xml
from forecastle.region.s3.entries import Object
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.listing import PAGE, Page, after_marker
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, document, iso_time
from forecastle.region.s3.service import Service

Elements = list[tuple[str, xml.Content]]
Text = Callable[[str], str]


async def list_objects(service: Service, request: Request) -> Response:
    if request.query.get("list-type") == "2":
        return await _list_objects_v2(service, request)
    text, marker = encoding(request), request.query.get("marker", "")
    page = await _page(service, request, marker)
    content: Elements = [
        *_asked(request, text),
        ("Marker", text(marker)),
        ("IsTruncated", xml.boolean(bool(page.next))),
    ]
    if page.next and request.query.get("delimiter"):
        content.append(("NextMarker", text(page.last or "")))
    content += [("Contents", _contents(entry, text, service.owner)) for entry in page.objects]
    return document("ListBucketResult", content + _prefixes(page, text))


async def _list_objects_v2(service: Service, request: Request) -> Response:
    text, query = encoding(request), request.query
    start, token = query.get("start-after", ""), query.get("continuation-token")
    owner = service.owner if query.get("fetch-owner") == "true" else None
    page = await _page(service, request, start, None if token is None else _position(token))
    count = len(page.objects) + len(page.prefixes)
    content: Elements = [
        *_asked(request, text),
        ("KeyCount", count),
        ("IsTruncated", xml.boolean(bool(page.next))),
    ]
    if token is not None:
        content.append(("ContinuationToken", token))
    if start:
        content.append(("StartAfter", text(start)))
    if page.next:
        content.append(("NextContinuationToken", base64.urlsafe_b64encode(page.next).decode()))
    content += [("Contents", _contents(entry, text, owner)) for entry in page.objects]
    return document("ListBucketResult", content + _prefixes(page, text))


async def list_object_versions(service: Service, request: Request) -> Response:
    """Each object has the version `null`, as in a bucket without versioning."""
    text, marker = encoding(request), request.query.get("key-marker", "")
    page = await _page(service, request, marker)
    content: Elements = [
        *_asked(request, text),
        ("KeyMarker", text(marker)),
        ("VersionIdMarker", request.query.get("version-id-marker", "")),
        ("IsTruncated", xml.boolean(bool(page.next))),
    ]
    if page.next:
        content += [("NextKeyMarker", text(page.last or "")), ("NextVersionIdMarker", "null")]
    for entry in page.objects:
        version: Elements = [("VersionId", "null"), ("IsLatest", "true")]
        content.append(("Version", _contents(entry, text, service.owner) + version))
    return document("ListVersionsResult", content + _prefixes(page, text))


async def _page(service: Service, request: Request, marker: str, position: bytes | None = None) -> Page:
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
    limit = min(PAGE, request.number("max-keys", PAGE))
    after = after_marker(marker, prefix, delimiter) if position is None else position
    return await service.run(service.store.page, request.bucket, prefix, delimiter, after, limit)


def _asked(request: Request, text: Text) -> Elements:
    query = request.query
    content: Elements = [
        ("Name", request.bucket),
        ("Prefix", text(query.get("prefix", ""))),
        ("MaxKeys", min(PAGE, request.number("max-keys", PAGE))),
    ]
    if query.get("delimiter"):
        content.append(("Delimiter", text(query["delimiter"])))
    if "encoding-type" in query:
        content.append(("EncodingType", "url"))
    return content


def _contents(entry: Object, text: Text, owner: str | None) -> Elements:
    content: Elements = [
        ("Key", text(entry.key)),
        ("LastModified", iso_time(entry.modified)),
        ("ETag", f'"{entry.etag}"'),
        ("ChecksumAlgorithm", entry.checksum.algorithm),
        ("ChecksumType", entry.checksum.kind),
        ("Size", entry.size),
        ("StorageClass", entry.description.storage_class),
    ]
    return content if owner is None else [*content, ("Owner", [("ID", owner)])]


def _prefixes(page: Page, text: Text) -> Elements:
    return [("CommonPrefixes", [("Prefix", text(prefix))]) for prefix in page.prefixes]


def encoding(request: Request) -> Text:
    """The encoding of keys: none, or as in URLs."""
    encoding = request.query.get("encoding-type")
    if encoding is None:
        return str
    if encoding != "url":
        sentence = "Invalid Encoding Method specified in Request"
        raise S3Error("InvalidArgument", sentence, ArgumentName="encoding-type", ArgumentValue=encoding)
    return lambda key: quote(key, safe="/")


def _position(token: str) -> bytes:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except ValueError:
        sentence = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", sentence, ArgumentName="continuation-token", ArgumentValue=token) from None
