"""Multipart uploads: create, upload part, upload part copy, list, complete, abort."""

from collections.abc import Callable, Mapping, Sequence
from xml.etree.ElementTree import Element

from forecastle.region.s3 import checksums, described, multipart, xml
from forecastle.region.s3.body import Integrity
from forecastle.region.s3.checksums import DEFAULT
from forecastle.region.s3.copying import copy_bytes, kept
from forecastle.region.s3.entries import Part, Upload
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.operations.copies import LARGEST_COPY, open_source
from forecastle.region.s3.operations.listings import encoding
from forecastle.region.s3.operations.objects import require_length
from forecastle.region.s3.ranges import copied_range
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, document, iso_time
from forecastle.region.s3.service import Service
from forecastle.region.s3.transfer import receive

PAGE = 1000

Elements = list[tuple[str, xml.Content]]


async def create_multipart_upload(service: Service, request: Request) -> Response:
    description = described.description_from(request.headers)
    asked = "x-amz-checksum-algorithm" in request.headers
    named = request.headers.get("x-amz-checksum-algorithm", DEFAULT)
    algorithm = checksums.check_algorithm(named, "x-amz-checksum-algorithm")
    kind = request.headers.get("x-amz-checksum-type", checksums.usual_kind(algorithm)).upper()
    checksums.check_kind(algorithm, kind)
    upload = await service.run(
        lambda: multipart.begin(service.store, request.bucket, request.key, description, algorithm, kind, asked=asked)
    )
    content: Elements = [("Bucket", request.bucket), ("Key", request.key), ("UploadId", upload.id)]
    answer = document("InitiateMultipartUploadResult", content)
    checksum_headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind} if asked else {}
    return Response(
        200, {**answer.headers, **described.encryption_headers(description), **checksum_headers}, answer.body
    )


async def upload_part(service: Service, request: Request) -> Response:
    require_length(request)
    number = _part_number(request)
    upload = await _find(service, request)
    integrity = Integrity.of(request.headers)
    if integrity.asked and upload.checksum_asked and integrity.algorithm != upload.algorithm:
        sent, wanted = integrity.algorithm.lower(), upload.algorithm.lower()
        sentence = f"Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum Type: {sent}"
        raise S3Error("InvalidRequest", sentence)
    part = await receive(
        service,
        request.body,
        integrity,
        upload.algorithm,
        lambda blob: multipart.put_part(service.store, upload, number, blob),
    )
    headers = {f"x-amz-checksum-{upload.algorithm.lower()}": part.checksum}
    return Response(200, {"etag": f'"{part.etag}"', **described.encryption_headers(upload.description), **headers})


async def upload_part_copy(service: Service, request: Request) -> Response:
    number = _part_number(request)
    upload = await _find(service, request)
    part = await service.run(_copy_part, service, request, upload, number)
    content: Elements = [("LastModified", iso_time(part.modified)), ("ETag", f'"{part.etag}"')]
    return document("CopyPartResult", [*content, (f"Checksum{upload.algorithm}", part.checksum)])


async def list_parts(service: Service, request: Request) -> Response:
    upload = await _find(service, request)
    most = min(PAGE, request.number("max-parts", PAGE))
    marker = request.number("part-number-marker", 0)
    found = await service.run(multipart.parts, service.store, upload, marker, most + 1)
    shown = found[:most]
    content: Elements = [
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("UploadId", upload.id),
        ("Initiator", [("ID", service.owner)]),
        ("Owner", [("ID", service.owner)]),
        ("StorageClass", upload.description.storage_class),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else 0),
        ("MaxParts", most),
        ("IsTruncated", xml.boolean(len(found) > most)),
    ]
    if upload.checksum_asked:
        content += [("ChecksumAlgorithm", upload.algorithm), ("ChecksumType", upload.kind)]
    content += [("Part", _part_elements(upload, part)) for part in shown]
    return document("ListPartsResult", content)


async def list_multipart_uploads(service: Service, request: Request) -> Response:
    query, text = request.query, encoding(request)
    most = min(PAGE, request.number("max-uploads", PAGE))
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    markers = query.get("key-marker", ""), query.get("upload-id-marker", "")
    found = await service.run(multipart.uploads, service.store, request.bucket, prefix, *markers)
    shown, prefixes = _rolled_up(found, prefix, delimiter, most)
    content: Elements = [
        ("Bucket", request.bucket),
        ("KeyMarker", text(markers[0])),
        ("UploadIdMarker", markers[1]),
        ("Prefix", text(prefix)),
        ("MaxUploads", most),
    ]
    if delimiter:
        content.append(("Delimiter", text(delimiter)))
    if "encoding-type" in query:
        content.append(("EncodingType", "url"))
    truncated = most > 0 and sum(map(len, _rolled_up(found, prefix, delimiter, most + 1))) > most
    if truncated:
        last = max([(upload.key, upload.id) for upload in shown[-1:]] + [(one, "") for one in prefixes[-1:]])
        content += [("NextKeyMarker", text(last[0])), ("NextUploadIdMarker", last[1])]
    content.append(("IsTruncated", xml.boolean(truncated)))
    content += [("Upload", _upload_elements(upload, text, service.owner)) for upload in shown]
    content += [("CommonPrefixes", [("Prefix", text(one))]) for one in prefixes]
    return document("ListMultipartUploadsResult", content)


async def complete_multipart_upload(service: Service, request: Request) -> Response:
    upload = await _find(service, request)
    body = await request.body.document(Integrity.of(_headers_of_the_body(request)))
    root = xml.parsed(body, "CompleteMultipartUpload")
    named = [_named(upload, element) for element in root.findall("Part")]
    if not named:
        raise S3Error("MalformedXML")
    kind = request.headers.get("x-amz-checksum-type", upload.kind).upper()
    if kind != upload.kind:
        raise S3Error("InvalidRequest", f"The upload was created using the {upload.kind} checksum mode.")
    entry = await service.run(
        lambda: multipart.complete(
            service.store,
            upload,
            named,
            checksum=request.headers.get(f"x-amz-checksum-{upload.algorithm.lower()}"),
            size=_object_size(request),
            conditions=request.conditions,
        )
    )
    location = f"http://{request.headers.get('host', '')}{request.path}"
    content: Elements = [
        ("Location", location),
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("ETag", f'"{entry.etag}"'),
        *described.checksum_elements(entry.checksum),
    ]
    answer = document("CompleteMultipartUploadResult", content)
    return Response(200, {**answer.headers, **described.encryption_headers(entry.description)}, answer.body)


async def abort_multipart_upload(service: Service, request: Request) -> Response:
    store, upload = service.store, request.query["uploadId"]
    await service.run(multipart.abort, store, request.bucket, request.key, upload)
    return Response(204)


async def _find(service: Service, request: Request) -> Upload:
    store, upload = service.store, request.query["uploadId"]
    return await service.run(multipart.find, store, request.bucket, request.key, upload)


def _part_number(request: Request) -> int:
    text = request.query.get("partNumber", "")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= multipart.MOST_PARTS):
        sentence = f"Part number must be an integer between 1 and {multipart.MOST_PARTS}, inclusive"
        raise S3Error("InvalidArgument", sentence, ArgumentName="partNumber", ArgumentValue=text)
    return int(text)


def _copy_part(service: Service, request: Request, upload: Upload, number: int) -> Part:
    with open_source(service, request) as contents:
        start, end = copied_range(request.headers.get("x-amz-copy-source-range"), contents.entry.size)
        if end - start > LARGEST_COPY:
            raise S3Error("EntityTooLarge", ProposedSize=end - start, MaxSizeAllowed=LARGEST_COPY)
        blob = copy_bytes(service.store, contents, start, end, upload.algorithm)
    with kept(service.store, blob):
        return multipart.put_part(service.store, upload, number, blob)


def _named(upload: Upload, element: Element) -> multipart.Named:
    number = xml.required(element, "PartNumber")
    if not (number.isascii() and number.isdigit()):
        raise S3Error("MalformedXML")
    checksum = element.findtext(f"Checksum{upload.algorithm}")
    return multipart.Named(int(number), xml.required(element, "ETag").strip().strip('"'), checksum)


def _part_elements(upload: Upload, part: Part) -> Elements:
    content: Elements = [
        ("PartNumber", part.number),
        ("LastModified", iso_time(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
    ]
    return [*content, (f"Checksum{upload.algorithm}", part.checksum)] if upload.checksum_asked else content


def _upload_elements(upload: Upload, text: Callable[[str], str], owner: str) -> Elements:
    content: Elements = [
        ("Key", text(upload.key)),
        ("UploadId", upload.id),
        ("Initiator", [("ID", owner)]),
        ("Owner", [("ID", owner)]),
        ("StorageClass", upload.description.storage_class),
        ("Initiated", iso_time(upload.created)),
    ]
    asked: Elements = [("ChecksumAlgorithm", upload.algorithm), ("ChecksumType", upload.kind)]
    return content + asked if upload.checksum_asked else content


def _rolled_up(
    found: Sequence[Upload], prefix: str, delimiter: str, most: int
) -> tuple[Sequence[Upload], Sequence[str]]:
    """The first `most` uploads and common prefixes."""
    shown: list[Upload] = []
    prefixes: list[str] = []
    for upload in found:
        cut = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        common = upload.key[: cut + len(delimiter)] if cut >= 0 else None
        if common is not None and common in prefixes:
            continue
        if len(shown) + len(prefixes) == most:
            break
        if common is None:
            shown.append(upload)
        else:
            prefixes.append(common)
    return shown, prefixes


def _object_size(request: Request) -> int | None:
    header = "x-amz-mp-object-size"
    text = request.headers.get(header)
    if text is not None and not (text.isascii() and text.isdigit()):
        raise S3Error("InvalidArgument", ArgumentName=header, ArgumentValue=text)
    return None if text is None else int(text)


def _headers_of_the_body(request: Request) -> Mapping[str, str]:
    """Without the checksum, which is that of the object and not of the list of parts."""
    return {name: value for name, value in request.headers.items() if not name.startswith("x-amz-checksum-")}
