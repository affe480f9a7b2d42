"""The bucket and key of a request, from its path or host."""

import re
from urllib.parse import unquote_to_bytes

from forecastle.region.s3.errors import S3Error

_VIRTUAL_HOST = re.compile(
    r"(?P<bucket>.+?)\."
    r"(?:s3(?:[.-](?:dualstack|fips|accelerate|[a-z]{2}(?:-[a-z]+)+-\d))*\.amazonaws\.com(?:\.cn)?"
    r"|(?:s3\.)?localhost(?:\.localstack\.cloud)?)(?::\d+)?",
    re.IGNORECASE,
)


def bucket_and_key(host: str, raw_path: bytes) -> tuple[str, str]:
    """A bucket and a key, "" if the request has none; InvalidURI if the path is not UTF-8."""
    try:
        path = unquote_to_bytes(raw_path.partition(b"?")[0]).decode()
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", URI=raw_path.decode("latin-1")) from None
    path = path.removeprefix("/")
    virtual = _VIRTUAL_HOST.fullmatch(host)
    if virtual and not re.fullmatch(r"s3([.-].*)?", virtual["bucket"]):
        return virtual["bucket"].lower(), path
    bucket, _, key = path.partition("/")
    return bucket, key
