"""Operations on objects: get, head, put, delete, delete many."""

from forecastle.region.s3 import described, xml
from forecastle.region.s3.blobs import STEP
from forecastle.region.s3.body import Integrity
from forecastle.region.s3.conditions import NotModified
from forecastle.region.s3.contents import Contents
from forecastle.region.s3.entries import Object
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.names import check_key
from forecastle.region.s3.ranges import asked_range
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, Stream, document
from forecastle.region.s3.service import Service
from forecastle.region.s3.transfer import receive

MOST_DELETED = 1000  # keys in one request


async def get_object(service: Service, request: Request) -> Response:
    contents = await service.run(service.store.open, request.bucket, request.key)
    try:
        return _read(request, contents)
    except BaseException:
        contents.close()
        raise


async def put_object(service: Service, request: Request) -> Response:
    """Upload an object, which is on the disk before the response."""
    require_length(request)
    description = described.description_from(request.headers)
    integrity = Integrity.of(request.headers)
    store, bucket, key, conditions = service.store, request.bucket, request.key, request.conditions
    if integrity.length is None or integrity.length > STEP:  # do not read a large body in vain
        await service.run(store.check_write, bucket, key, conditions)
    check_key(key)
    entry = await receive(
        service,
        request.body,
        integrity,
        integrity.algorithm,
        lambda blob: store.put_blob(bucket, key, blob, integrity.algorithm, description, conditions),
    )
    return Response(headers=described.written_headers(entry))


async def delete_object(service: Service, request: Request) -> Response:
    check_key(request.key)
    await service.run(service.store.delete, request.bucket, request.key, request.conditions)
    return Response(204)


async def delete_objects(service: Service, request: Request) -> Response:
    """Delete up to 1,000 objects, with a result for each."""
    if not Integrity.of(request.headers).given:
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    root = xml.parsed(await request.body.document(), "Delete")
    asked = [
        (xml.required(element, "Key"), element.findtext("ETag"), element.findtext("VersionId"))
        for element in root.findall("Object")
    ]
    if not 1 <= len(asked) <= MOST_DELETED:
        raise S3Error("MalformedXML")
    quiet = (root.findtext("Quiet") or "").lower() == "true"
    outcome = await service.run(service.store.delete_many, request.bucket, asked)
    content: list[tuple[str, xml.Content]] = []
    for (key, _, _), error in zip(asked, outcome, strict=True):
        if error is not None:
            content.append(("Error", [("Key", key), ("Code", error.code), ("Message", error.message)]))
        elif not quiet:
            content.append(("Deleted", [("Key", key)]))
    return document("DeleteResult", content)


def require_length(request: Request) -> None:
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        raise S3Error("MissingContentLength")


def check_version(request: Request) -> None:
    """Only `null` is a version: there is no versioning."""
    version = request.query.get("versionId", "null")
    if version != "null":
        raise S3Error("NoSuchVersion", Key=request.key, VersionId=version)


def _read(request: Request, contents: Contents) -> Response:
    entry = contents.entry
    try:
        request.conditions.check_read(entry)
    except NotModified:
        contents.close()
        headers = described.object_headers(entry)  # no checksum: clients would compare it with the empty body
        kept = ("etag", "last-modified", "cache-control", "expires")
        return Response(304, {name: headers[name] for name in kept if name in headers})
    headers = {**described.object_headers(entry), **described.overrides(request.query)}
    section = _section(request, contents)
    if section is None:
        if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= described.checksum_headers(entry.checksum)
        return Response(200, headers, Stream(contents, 0, entry.size))
    start, end = section
    headers["content-range"] = f"bytes {start}-{end - 1}/{entry.size}"
    if "partNumber" in request.query and entry.parts:
        headers["x-amz-mp-parts-count"] = str(entry.parts)
    return Response(206, headers, Stream(contents, start, end))


def _section(request: Request, contents: Contents) -> tuple[int, int] | None:
    """The requested range, or part; None for the whole object."""
    entry = contents.entry
    if "partNumber" not in request.query:
        header = request.headers.get("range")
        return asked_range(header, entry.size) if _range_holds(request, entry) else None
    if "range" in request.headers:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    number = request.number("partNumber", 1, 1, 10_000)
    start = 0
    for piece in contents.pieces:
        if piece.number == number:
            return (start, start + piece.size) if piece.size else None
        start += piece.size
    raise S3Error("InvalidPartNumber", ActualPartCount=max(1, entry.parts), PartNumberRequested=number)


def _range_holds(request: Request, entry: Object) -> bool:
    """Whether `If-Range` was not sent or matches the current object."""
    condition = request.headers.get("if-range")
    return condition is None or condition.strip('"') == entry.etag
