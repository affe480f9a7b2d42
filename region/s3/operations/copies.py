"""CopyObject, and the source of copies."""

from dataclasses import replace
from urllib.parse import unquote_to_bytes

from forecastle.region.s3 import checksums, described, xml
from forecastle.region.s3.contents import Contents
from forecastle.region.s3.copying import copy, described_as
from forecastle.region.s3.entries import Object
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.request import Request, conditions_of
from forecastle.region.s3.response import Response, document, iso_time
from forecastle.region.s3.service import Service

LARGEST_COPY = 5 << 30  # bytes
CHANGES = {"x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location"}


async def copy_object(service: Service, request: Request) -> Response:
    entry = await service.run(_copy, service, request)
    content: list[tuple[str, xml.Content]] = [("LastModified", iso_time(entry.modified)), ("ETag", f'"{entry.etag}"')]
    answer = document("CopyObjectResult", content + described.checksum_elements(entry.checksum))
    return Response(200, {**answer.headers, **described.encryption_headers(entry.description)}, answer.body)


def open_source(service: Service, request: Request) -> Contents:
    """Open the object in `x-amz-copy-source` and check the conditions on it."""
    check_owner(service, request.headers.get("x-amz-source-expected-bucket-owner"))
    contents = service.store.open(*_source(request.headers["x-amz-copy-source"]))
    try:
        conditions_of(request.headers, "x-amz-copy-source-").check_copy(contents.entry)
    except BaseException:
        contents.close()
        raise
    return contents


def check_owner(service: Service, owner: str | None) -> None:
    """Refuse a request that expects another account to own the bucket."""
    if owner is not None and owner != service.account:
        raise S3Error("AccessDenied")


def _copy(service: Service, request: Request) -> Object:
    headers = request.headers
    replaced = described.description_from(headers) if _replaces(request, "x-amz-metadata-directive") else None
    tags = described.tags_from(headers) if _replaces(request, "x-amz-tagging-directive") else None
    header = "x-amz-checksum-algorithm"
    algorithm = checksums.check_algorithm(headers[header], header) if header in headers else None
    with open_source(service, request) as contents:
        source = contents.entry
        if source.size > LARGEST_COPY:
            sentence = "The specified copy source is larger than the maximum allowable size for a copy source: "
            raise S3Error("InvalidRequest", f"{sentence}{LARGEST_COPY}")
        description = described_as(source, replaced, tags)
        changed = CHANGES & set(headers)
        itself = (source.bucket, source.key) == (request.bucket, request.key)
        if itself and replaced is None and not changed and algorithm is None:
            raise S3Error(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes.",
            )
        if replaced is None:
            for name in changed:
                description = replace(description, headers={**description.headers, name: headers[name]})
        return copy(
            service.store,
            contents,
            request.bucket,
            request.key,
            description=description,
            algorithm=algorithm,
            conditions=request.conditions,
        )


def _source(header: str) -> tuple[str, str]:
    """Bucket and key of `x-amz-copy-source`: `bucket/key`, percent-encoded, perhaps with a version."""
    path, _, version = header.partition("?versionId=")
    try:
        bucket, _, key = unquote_to_bytes(path).decode().removeprefix("/").partition("/")
    except UnicodeDecodeError:
        bucket = key = ""
    if not bucket or not key:
        sentence = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise S3Error("InvalidArgument", sentence, ArgumentName="x-amz-copy-source", ArgumentValue=header)
    if version not in ("", "null"):
        raise S3Error("NoSuchVersion", Key=key, VersionId=version)
    return bucket, key


def _replaces(request: Request, header: str) -> bool:
    directive = request.headers.get(header, "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        name = header.removeprefix("x-amz-").replace("-", " ")
        raise S3Error("InvalidArgument", f"Unknown {name}.", ArgumentName=header, ArgumentValue=directive)
    return directive == "REPLACE"
