"""AWS's rules for the names of buckets and the keys of objects."""

import re

from forecastle.region.s3.errors import S3Error

LONGEST_KEY = 1024  # bytes of UTF-8

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """InvalidBucketName for a name that AWS does not allow for a general purpose bucket."""
    if (
        not 3 <= len(name) <= 63
        or not _BUCKET.fullmatch(name)
        or name.endswith("-")
        or _ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    ):
        raise S3Error("InvalidBucketName", BucketName=name)


def check_key(key: str) -> None:
    """Refuse a key that is too long, or whose `..` segments lead out of the bucket, as AWS does.

    The store never uses keys as paths. The second rule protects clients that do.
    """
    size = len(key.encode())
    if size > LONGEST_KEY:
        raise S3Error("KeyTooLongError", Size=size, MaxSizeAllowed=LONGEST_KEY)
    depth = 0
    for segment in key.split("/"):
        depth += -1 if segment == ".." else 1 if segment not in ("", ".") else 0
        if depth < 0:
            raise S3Error("InvalidURI", URI=key)
