"""The table of operations, by level (service, bucket or object), method and subresource."""

from collections.abc import Awaitable, Callable, Mapping

from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.operations import buckets, copies, listings, objects, settings, tagging, uploads
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response
from forecastle.region.s3.service import Service

Operation = Callable[[Service, Request], Awaitable[Response]]

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"
COPY = " from a copy source"  # after a subresource: a PUT that has the header x-amz-copy-source and no body

OPERATIONS: Mapping[tuple[str, str, str], Operation] = {
    (SERVICE, "GET", ""): buckets.list_buckets,
    (BUCKET, "PUT", ""): buckets.create_bucket,
    (BUCKET, "HEAD", ""): buckets.head_bucket,
    (BUCKET, "DELETE", ""): buckets.delete_bucket,
    (BUCKET, "GET", ""): listings.list_objects,
    (BUCKET, "GET", "versions"): listings.list_object_versions,
    (BUCKET, "GET", "location"): buckets.get_bucket_location,
    (BUCKET, "GET", "uploads"): uploads.list_multipart_uploads,
    (BUCKET, "POST", "delete"): objects.delete_objects,
    (BUCKET, "GET", "acl"): settings.get_bucket_acl,
    (BUCKET, "PUT", "acl"): settings.put_acl,
    (BUCKET, "PUT", "versioning"): settings.put_versioning,
    **{(BUCKET, "GET", name): settings.get_setting for name in settings.DEFAULTS},
    **{(BUCKET, "PUT", name): settings.put_setting for name in settings.ROOTS},
    **{(BUCKET, "DELETE", name): settings.delete_setting for name in settings.ROOTS},
    (OBJECT, "GET", ""): objects.get_object,
    (OBJECT, "HEAD", ""): objects.get_object,
    (OBJECT, "PUT", ""): objects.put_object,
    (OBJECT, "PUT", COPY): copies.copy_object,
    (OBJECT, "DELETE", ""): objects.delete_object,
    (OBJECT, "GET", "tagging"): tagging.get_object_tagging,
    (OBJECT, "PUT", "tagging"): tagging.put_object_tagging,
    (OBJECT, "DELETE", "tagging"): tagging.delete_object_tagging,
    (OBJECT, "GET", "acl"): tagging.get_object_acl,
    (OBJECT, "PUT", "acl"): settings.put_acl,
    (OBJECT, "GET", "attributes"): tagging.get_object_attributes,
    (OBJECT, "POST", "uploads"): uploads.create_multipart_upload,
    (OBJECT, "PUT", "uploadId"): uploads.upload_part,
    (OBJECT, "PUT", "uploadId" + COPY): uploads.upload_part_copy,
    (OBJECT, "GET", "uploadId"): uploads.list_parts,
    (OBJECT, "POST", "uploadId"): uploads.complete_multipart_upload,
    (OBJECT, "DELETE", "uploadId"): uploads.abort_multipart_upload,
}
# Subresources without an operation here are refused by name, and not mistaken for another operation.
SUBRESOURCES = {subresource for _, _, subresource in OPERATIONS if COPY not in subresource} | {
    "abac",
    "analytics",
    "annotation",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "metadataAnnotationTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "renameObject",
    "restore",
    "retention",
    "select",
    "session",
    "torrent",
}


def operation(request: Request) -> Operation:
    """The operation of a request; NotImplemented or MethodNotAllowed if there is none."""
    level = OBJECT if request.key else BUCKET if request.bucket else SERVICE
    subresource = next((name for name in request.query if name in SUBRESOURCES), "")
    copied = COPY if request.method == "PUT" and "x-amz-copy-source" in request.headers else ""
    found = OPERATIONS.get((level, request.method, subresource + copied))
    if found is not None:
        return found
    if subresource or request.method == "POST":
        asked = f"{request.method} ?{subresource}" if subresource else request.method
        raise S3Error("NotImplemented", f"This store does not support {asked} on a {level}.")
    raise S3Error("MethodNotAllowed", Method=request.method, ResourceType=level.upper())
