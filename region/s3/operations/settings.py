"""Settings of buckets: stored and returned, or refused if they would have to be enforced."""

from forecastle.region.s3 import buckets, xml
from forecastle.region.s3.cors import rules_of
from forecastle.region.s3.described import sets_access
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.request import Request
from forecastle.region.s3.response import Response, document
from forecastle.region.s3.service import Service
from forecastle.region.s3.tags import tag_set, tags_of

_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

# The settings of a new bucket on AWS: a document, or the error that there is none.
DEFAULTS: dict[str, tuple[str, xml.Content] | str] = {
    "accelerate": ("AccelerateConfiguration", ""),
    "cors": "NoSuchCORSConfiguration",
    "encryption": (
        "ServerSideEncryptionConfiguration",
        [
            (
                "Rule",
                [
                    ("ApplyServerSideEncryptionByDefault", [("SSEAlgorithm", "AES256")]),
                    ("BucketKeyEnabled", "false"),
                ],
            )
        ],
    ),
    "lifecycle": "NoSuchLifecycleConfiguration",
    "logging": ("BucketLoggingStatus", ""),
    "notification": ("NotificationConfiguration", ""),
    "object-lock": "ObjectLockConfigurationNotFoundError",
    "ownershipControls": ("OwnershipControls", [("Rule", [("ObjectOwnership", "BucketOwnerEnforced")])]),
    "policy": "NoSuchBucketPolicy",
    "policyStatus": "NoSuchBucketPolicy",
    "publicAccessBlock": (
        "PublicAccessBlockConfiguration",
        [
            ("BlockPublicAcls", "true"),
            ("IgnorePublicAcls", "true"),
            ("BlockPublicPolicy", "true"),
            ("RestrictPublicBuckets", "true"),
        ],
    ),
    "replication": "ReplicationConfigurationNotFoundError",
    "requestPayment": ("RequestPaymentConfiguration", [("Payer", "BucketOwner")]),
    "tagging": "NoSuchTagSet",
    "versioning": ("VersioningConfiguration", ""),
    "website": "NoSuchWebsiteConfiguration",
}
# The settings that can be changed, with the root elements of their documents.
ROOTS = {
    "cors": "CORSConfiguration",
    "encryption": "ServerSideEncryptionConfiguration",
    "ownershipControls": "OwnershipControls",
    "publicAccessBlock": "PublicAccessBlockConfiguration",
    "tagging": "Tagging",
}


async def get_setting(service: Service, request: Request) -> Response:
    name = subresource(request)
    kept = await service.run(_setting, service, request.bucket, name)
    if kept is not None:
        return Response(200, {"content-type": "application/xml"}, kept.encode())
    default = DEFAULTS[name]
    if isinstance(default, str):
        raise S3Error(default, BucketName=request.bucket)
    return document(*default)


async def put_setting(service: Service, request: Request) -> Response:
    name = subresource(request)
    body = await request.body.document()
    root = xml.parsed(body, ROOTS[name])
    if name == "cors":
        rules_of(root)
    if name == "tagging":
        body = xml.document("Tagging", tag_set(tags_of(root, most=50)))
    await service.run(_change, service, request.bucket, name, body.decode())
    return Response(204 if name == "tagging" else 200)


async def delete_setting(service: Service, request: Request) -> Response:
    await service.run(_change, service, request.bucket, subresource(request), None)
    return Response(204)


async def get_bucket_acl(service: Service, request: Request) -> Response:
    await service.run(service.store.bucket, request.bucket)
    return access_list(service)


async def put_acl(service: Service, request: Request) -> Response:
    """Refused as on AWS with BucketOwnerEnforced, unless it changes nothing."""
    await service.run(service.store.bucket, request.bucket)
    if "x-amz-acl" not in request.headers or sets_access(request.headers):
        raise S3Error("AccessControlListNotSupported")
    return Response()


async def put_versioning(service: Service, request: Request) -> Response:
    """Accept Suspended, the current state, and refuse Enabled."""
    await service.run(service.store.bucket, request.bucket)
    root = xml.parsed(await request.body.document(), "VersioningConfiguration")
    if root.findtext("Status") != "Suspended":
        raise S3Error("NotImplemented", "This store keeps one version of each object: versioning cannot be enabled.")
    return Response()


def subresource(request: Request) -> str:
    return next(name for name in request.query if name in DEFAULTS)


def access_list(service: Service) -> Response:
    """Full control for the owner only."""
    grantee = f'Grantee {_XSI} xsi:type="CanonicalUser"'
    grant: xml.Content = [("Grant", [(grantee, [("ID", service.owner)]), ("Permission", "FULL_CONTROL")])]
    return document("AccessControlPolicy", [("Owner", [("ID", service.owner)]), ("AccessControlList", grant)])


def _setting(service: Service, bucket: str, name: str) -> str | None:
    with service.store.database.read() as connection:
        return buckets.setting(connection, bucket, name)


def _change(service: Service, bucket: str, name: str, body: str | None) -> None:
    with service.store.database.write() as connection:
        buckets.change_setting(connection, bucket, name, body)
