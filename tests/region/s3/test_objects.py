"""Objects through boto3: put, get, head, delete, and what travels with them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.s3.running_s3 import RunningS3


def code(refused: "pytest.ExceptionInfo[ClientError]") -> str:
    return str(refused.value.response["Error"]["Code"])


def test_an_object_is_returned_with_its_description(s3: Any, bucket: str) -> None:
    said = {
        "ContentType": "text/csv",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="rides.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "en",
        "Expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        "Metadata": {"source": "NAB", "empty": ""},
        "StorageClass": "STANDARD_IA",
    }
    put = s3.put_object(Bucket=bucket, Key="rides.csv", Body=b"timestamp,value\n", **said)
    got = s3.get_object(Bucket=bucket, Key="rides.csv")
    assert got["Body"].read() == b"timestamp,value\n"
    assert {name: got[name] for name in said if name != "Expires"} == {
        name: value for name, value in said.items() if name != "Expires"
    }
    assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    assert got["ETag"] == put["ETag"]
    head = s3.head_object(Bucket=bucket, Key="rides.csv")
    assert head["ContentLength"] == 16
    assert head["Metadata"] == said["Metadata"]
    assert abs((datetime.now(UTC) - head["LastModified"]).total_seconds()) < 60


KEYS = [
    "plain.txt",
    "a/b/c",
    "/leading",
    "trailing/",
    "double//slash",
    "//",
    "dots/../kept",
    "./dot",
    ".",
    "with space and+plus",
    "percent%41%zz",
    "q?uery&and=x#hash",
    "ünïcödé/日本語/🚕",
    "quote\"'`<>\\^{}|~[]",
    "comma,semicolon;colon:at@dollar$equals=",
    "control\x01\x1f\x7f",
    "tab\tnewline\nreturn\r\n",
    "k" * 1024,
]


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_key_may_have_any_character(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key=f"{key[:1000]}!", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    if "\x01" not in key:  # which XML has no way to write
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{key[:1000]}!"}]})
    s3.delete_object(Bucket=bucket, Key=f"{key[:1000]}!")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("k" * 1025, "KeyTooLongError"), ("../up", "InvalidURI"), ("a/../../../etc/passwd", "InvalidURI")],
    ids=["long", "up", "far up"],
)
def test_a_key_that_aws_refuses_is_refused(s3: Any, bucket: str, key: str, expected: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert code(refused) == expected


def test_a_key_that_is_not_utf_8_is_refused(server: RunningS3, bucket: str) -> None:
    answer = server.send("PUT", f"/{bucket}/%ff%fe", b"x")
    assert answer.status == 400
    assert b"<Code>InvalidURI</Code>" in answer.body


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_a_range_of_an_object(s3: Any, bucket: str, asked: str, expected: bytes, content_range: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=asked, ChecksumMode="ENABLED")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (got["Body"].read(), got["ContentRange"], got["ContentLength"]) == (expected, content_range, len(expected))
    assert "ChecksumCRC32" not in got
    assert s3.head_object(Bucket=bucket, Key="digits", Range=asked)["ContentLength"] == len(expected)


@pytest.mark.parametrize("asked", ["bytes=3-1", "bytes=-", "bytes=0-1,4-5", "lines=0-1"])
def test_a_malformed_range_is_ignored(s3: Any, bucket: str, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


@pytest.mark.parametrize(("body", "asked"), [(b"0123", "bytes=4-"), (b"", "bytes=0-"), (b"0123", "bytes=-0")])
def test_a_range_beyond_the_end_is_refused(s3: Any, bucket: str, body: bytes, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=body)
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="digits", Range=asked)
    error = refused.value.response["Error"]
    assert error == {
        "Code": "InvalidRange",
        "Message": "The requested range is not satisfiable",
        "ActualObjectSize": str(len(body)),
        "RangeRequested": asked,
    }


def test_an_error_has_awss_format(server: RunningS3, bucket: str) -> None:
    answer = server.send("GET", f"/{bucket}/not%20there")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/xml"
    request_id, host_id = answer.headers["x-amz-request-id"], answer.headers["x-amz-id-2"]
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>not there</Key>"
        f"<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
    )
    assert len(request_id) == 16


def test_head_of_a_missing_object_has_no_body(server: RunningS3, bucket: str) -> None:
    answer = server.send("HEAD", f"/{bucket}/nothing")
    assert (answer.status, answer.body) == (404, b"")


def test_metadata_above_two_kilobytes_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"", Metadata={"m": "x" * 2047})
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="key", Body=b"", Metadata={"m": "x" * 2048})
    assert code(refused) == "MetadataTooLarge"


def test_unsupported_features_are_refused_and_not_ignored(s3: Any, bucket: str) -> None:
    refused_calls: list[Callable[[], Any]] = [
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32),
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", ObjectLockLegalHoldStatus="ON"),
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", WriteOffsetBytes=0),
        lambda: s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True),
        lambda: s3.put_bucket_policy(Bucket=bucket, Policy="{}"),
        lambda: s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1}),
        lambda: s3.list_bucket_metrics_configurations(Bucket=bucket),
    ]
    for call in refused_calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == "NotImplemented"


def test_deleting_many_reports_each(s3: Any, bucket: str) -> None:
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    objects = [{"Key": "a"}, {"Key": "never"}, {"Key": "b", "VersionId": "other"}]
    outcome = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [entry["Key"] for entry in outcome["Deleted"]] == ["a", "never"]
    assert [(entry["Key"], entry["Code"]) for entry in outcome["Errors"]] == [("b", "NoSuchVersion")]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_reading_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = modified - timedelta(seconds=1), modified + timedelta(seconds=1)
    for met in (
        {"IfMatch": etag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": modified},
        {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfNoneMatch": '"other"', "IfModifiedSince": after},
    ):
        assert s3.get_object(Bucket=bucket, Key="k", **met)["Body"].read() == b"x"
    for unmet, status in (
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": before}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfModifiedSince": modified}, 304),
    ):
        for call in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as refused:
                call(Bucket=bucket, Key="k", **unmet)
            metadata = refused.value.response["ResponseMetadata"]
            assert metadata["HTTPStatusCode"] == status
            assert not any("checksum" in name for name in metadata["HTTPHeaders"])


def test_writing_conditions(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"", IfMatch='"other"')
    assert code(refused) == "NoSuchKey"
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")["ETag"]
    for unmet in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key="k", Body=b"second", **unmet)
        assert code(refused) == "PreconditionFailed"
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"third"


def test_a_request_that_expects_another_owner_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ExpectedBucketOwner="123456789012")
    calls: list[Callable[[], Any]] = [
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", ExpectedBucketOwner="210987654321"),
        lambda: s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="210987654321"),
        lambda: s3.copy_object(
            Bucket=bucket,
            Key="l",
            CopySource={"Bucket": bucket, "Key": "k"},
            ExpectedSourceBucketOwner="210987654321",
        ),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_time_of_an_object_is_not_in_the_future(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.head_object(Bucket=bucket, Key="k")["LastModified"].timestamp() <= time.time()
