"""Operations on buckets: list, create, head, delete, location."""

import base64
import re

from forecastle.region.s3 import xml
from forecastle.region.s3.described import sets_access
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.names import check_bucket_name
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, document, iso_time
from forecastle.region.s3.service import Service


async def list_buckets(service: Service, request: Request) -> Response:
    prefix, most = request.query.get("prefix", ""), request.number("max-buckets", 10_000, 1, 10_000)
    region, token = request.query.get("bucket-region"), _name_of(request.query.get("continuation-token", ""))
    found = [
        bucket
        for bucket in await service.run(service.store.buckets)
        if bucket.name.startswith(prefix) and bucket.name > token and region in (None, bucket.region)
    ]
    shown = [
        ("Bucket", [("Name", one.name), ("CreationDate", iso_time(one.created)), ("BucketRegion", one.region)])
        for one in found[:most]
    ]
    content: list[tuple[str, xml.Content]] = [("Owner", [("ID", service.owner)]), ("Buckets", shown)]
    if prefix:
        content.append(("Prefix", prefix))
    if len(found) > most:
        content.append(("ContinuationToken", base64.urlsafe_b64encode(found[most - 1].name.encode()).decode()))
    return document("ListAllMyBucketsResult", content)


async def create_bucket(service: Service, request: Request) -> Response:
    """As on AWS, creating an existing bucket succeeds in us-east-1 and fails elsewhere."""
    region = _location(await request.body.document()) or service.region
    check_bucket_name(request.bucket)
    if sets_access(request.headers):
        raise S3Error("InvalidBucketAclWithObjectOwnership", BucketName=request.bucket)
    if request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
        raise S3Error("NotImplemented", Header="x-amz-bucket-object-lock-enabled")
    try:
        await service.run(service.store.create_bucket, request.bucket, region)
    except S3Error as error:
        if error.code != "BucketAlreadyOwnedByYou" or region != "us-east-1":
            raise
    return Response(headers={"location": f"/{request.bucket}"})


async def head_bucket(service: Service, request: Request) -> Response:
    bucket = await service.run(service.store.bucket, request.bucket)
    headers = {"x-amz-bucket-region": bucket.region, "x-amz-access-point-alias": "false"}
    return Response(headers={**headers, "content-type": "application/xml"})


async def delete_bucket(service: Service, request: Request) -> Response:
    await service.run(service.store.delete_bucket, request.bucket)
    return Response(204)


async def get_bucket_location(service: Service, request: Request) -> Response:
    bucket = await service.run(service.store.bucket, request.bucket)
    return document("LocationConstraint", "" if bucket.region == "us-east-1" else bucket.region)


def _location(body: bytes) -> str:
    if not body:
        return ""
    element = xml.parsed(body, "CreateBucketConfiguration").find("LocationConstraint")
    region = "" if element is None else (element.text or "").strip()
    if region == "EU":
        return "eu-west-1"
    if region and not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d", region):
        raise S3Error("InvalidLocationConstraint", LocationConstraint=region)
    return region


def _name_of(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None
