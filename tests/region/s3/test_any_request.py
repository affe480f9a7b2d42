"""Random requests, none of which causes an internal error."""

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecastle.region.s3.routes import SUBRESOURCES
from tests.region.s3.running_s3 import RunningS3

NAMES = [
    *sorted(SUBRESOURCES - {""}),
    *("copy", " from a copy source"),
    *("list-type", "prefix", "delimiter", "marker", "start-after", "continuation-token", "max-keys", "encoding-type"),
    *("partNumber", "max-parts", "part-number-marker", "max-uploads", "key-marker", "upload-id-marker", "versionId"),
    *("max-buckets", "response-content-type", "Expires", "Signature", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"),
]
HEADERS = [
    *("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "content-md5"),
    *("x-amz-copy-source", "x-amz-copy-source-range", "x-amz-copy-source-if-match", "x-amz-metadata-directive"),
    *("x-amz-checksum-crc32", "x-amz-checksum-sha256", "x-amz-checksum-algorithm", "x-amz-checksum-type"),
    *("x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-content-sha256", "x-amz-decoded-content-length"),
    *("content-encoding", "content-type", "x-amz-meta-any", "x-amz-tagging", "x-amz-storage-class", "x-amz-acl"),
    *("x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker", "x-amz-mp-object-size"),
    *("x-amz-expected-bucket-owner", "x-amz-checksum-mode", "x-amz-server-side-encryption"),
]
VALUES = st.one_of(
    st.sampled_from(
        ["", "*", "0", "1", "2", "-1", "99999999999999999999", "bytes=0-1", "bytes=5-", "url", "null", "/"]
    ),
    st.sampled_from(["aws-chunked", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32", "CRC32", "REPLACE"]),
    st.sampled_from(
        ["any-bucket/key", "any-bucket", "ETag,ObjectParts", "Wed, 25 Nov 2026 12:00:00 GMT", "²", "a=1&a=2"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
)
TAGS = ["Delete", "Tagging", "TagSet", "Tag", "Key", "Value", "Object", "CompleteMultipartUpload", "Part", "PartNumber"]
BODIES = st.one_of(
    st.binary(max_size=100),
    st.recursive(
        st.text("a1 é", max_size=5),
        lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=3)).map(
            lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"
        ),
        max_leaves=8,
    ).map(str.encode),
)


@pytest.fixture(scope="module")
def upload(s3: Any) -> str:
    s3.create_bucket(Bucket="any-bucket")
    s3.put_object(Bucket="any-bucket", Key="key", Body=b"0123456789")
    return str(s3.create_multipart_upload(Bucket="any-bucket", Key="key")["UploadId"])


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]),
    bucket=st.sampled_from(["", "any-bucket", "any-bucket", "any-bucket", "any-other", "Bad_Name"]),
    key=st.one_of(st.sampled_from(["", "key", "key"]), st.text(max_size=5)),
    query=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
    headers=st.dictionaries(st.sampled_from(HEADERS), VALUES, max_size=3),
    body=BODIES,
    in_parts=st.booleans(),
)
def test_any_request_is_answered(
    server: RunningS3,
    upload: str,
    method: str,
    bucket: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    in_parts: bool,
) -> None:
    if (method, bucket, key) == ("DELETE", "any-bucket", ""):
        query = {"tagging": "", **query}  # so that the bucket stays
    if in_parts:
        query = {"uploadId": upload, "partNumber": "1", **query}
    path = "/" + "/".join(quote(part.encode("utf-8", "replace")) for part in (bucket, key) if part)
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    latin = {name: value.strip() for name, value in headers.items()}
    answer = server.send(method, f"{path}?{text}" if text else path, body, latin)
    assert answer.status < 500 or answer.status == 501
    if answer.headers.get("content-type") == "application/xml" and answer.body and b"&#x" not in answer.body:
        ElementTree.fromstring(answer.body)
