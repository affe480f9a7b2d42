"""Operations on an object's tags, access control list and attributes."""

from collections.abc import Mapping
from dataclasses import replace

from forecastle.region.s3 import xml
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.operations.settings import access_list
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, document, http_time
from forecastle.region.s3.service import Service
from forecastle.region.s3.tags import tag_set, tags_of


async def get_object_tagging(service: Service, request: Request) -> Response:
    entry = await service.run(service.store.head, request.bucket, request.key)
    return document("Tagging", tag_set(entry.description.tags))


async def put_object_tagging(service: Service, request: Request) -> Response:
    tags = tags_of(xml.parsed(await request.body.document(), "Tagging"), most=10)
    await service.run(_tag, service, request, tags)
    return Response()


async def delete_object_tagging(service: Service, request: Request) -> Response:
    await service.run(_tag, service, request, {})
    return Response(204)


async def get_object_acl(service: Service, request: Request) -> Response:
    await service.run(service.store.head, request.bucket, request.key)
    return access_list(service)


async def get_object_attributes(service: Service, request: Request) -> Response:
    """The attributes in `x-amz-object-attributes`."""
    asked = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    with await service.run(service.store.open, request.bucket, request.key) as contents:
        entry = contents.entry
        checksum = entry.checksum
        content: list[tuple[str, xml.Content]] = []
        if "ETag" in asked:
            content.append(("ETag", entry.etag))
        if "Checksum" in asked:
            named = (f"Checksum{checksum.algorithm}", checksum.value)
            content.append(("Checksum", [named, ("ChecksumType", checksum.kind)]))
        if "ObjectParts" in asked and entry.parts:
            first, most = (
                request.headers.get("x-amz-part-number-marker", "0"),
                request.headers.get("x-amz-max-parts", "1000"),
            )
            if not (first.isdecimal() and most.isdecimal()):
                raise S3Error("InvalidArgument", ArgumentName="x-amz-max-parts", ArgumentValue=most)
            left = [piece for piece in contents.pieces if piece.number > int(first)]
            shown = left[: min(1000, int(most))]
            parts: list[tuple[str, xml.Content]] = [
                ("PartsCount", entry.parts),
                ("PartNumberMarker", first),
                ("NextPartNumberMarker", shown[-1].number if shown else 0),
                ("MaxParts", most),
                ("IsTruncated", xml.boolean(len(shown) < len(left))),
            ]
            for piece in shown:
                value = (f"Checksum{checksum.algorithm}", piece.checksum)
                parts.append(("Part", [("PartNumber", piece.number), ("Size", piece.size), value]))
            content.append(("ObjectParts", parts))
        if "StorageClass" in asked:
            content.append(("StorageClass", entry.description.storage_class))
        if "ObjectSize" in asked:
            content.append(("ObjectSize", entry.size))
    answer = document("GetObjectAttributesResponse", content)
    return Response(200, {**answer.headers, "last-modified": http_time(entry.modified)}, answer.body)


def _tag(service: Service, request: Request, tags: Mapping[str, str]) -> None:
    entry = service.store.head(request.bucket, request.key)
    service.store.describe(entry, replace(entry.description, tags=tags))
