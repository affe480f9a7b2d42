"""Copies and tags through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.s3.conftest import Start
from tests.region.s3.test_multipart import files
from tests.region.s3.test_objects import code


@pytest.fixture
def source(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(
        Bucket=bucket, Key="source", Body=b"bytes", Metadata={"m": "old"}, ContentType="text/csv", Tagging="a=1&b=2"
    )
    return {"Bucket": bucket, "Key": "source"}


def test_a_copy_has_the_description_of_its_source(s3: Any, bucket: str, source: dict[str, str]) -> None:
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"bytes", {"m": "old"}, "text/csv")
    assert copied["CopyObjectResult"]["ETag"] == got["ETag"]
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    s3.delete_object(**source)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"bytes"


def test_a_copy_may_have_another_description(s3: Any, bucket: str, source: dict[str, str]) -> None:
    said = {"Metadata": {"n": "new"}, "MetadataDirective": "REPLACE", "Tagging": "c=3", "TaggingDirective": "REPLACE"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256", **said)
    got = s3.get_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert (got["Metadata"], got["ContentType"]) == ({"n": "new"}, "binary/octet-stream")
    assert "ChecksumSHA256" in got
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "c", "Value": "3"}]


def test_a_copy_onto_itself_must_change_something(s3: Any, bucket: str, source: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="source", CopySource=source)
    assert code(refused) == "InvalidRequest"
    s3.copy_object(Bucket=bucket, Key="source", CopySource=source, StorageClass="GLACIER_IR")
    head = s3.head_object(**source)
    assert (head["StorageClass"], head["Metadata"]) == ("GLACIER_IR", {"m": "old"})


def test_the_conditions_of_a_copy(s3: Any, bucket: str, source: dict[str, str]) -> None:
    etag = s3.head_object(**source)["ETag"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, CopySourceIfMatch=etag)
    for unmet in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        with pytest.raises(ClientError) as refused:
            s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **unmet)
        assert code(refused) == "PreconditionFailed"


@pytest.mark.parametrize(
    ("copied", "expected"),
    [
        ("no-slash", "InvalidArgument"),
        ("nowhere-at-all/key", "NoSuchBucket"),
        ("{bucket}/nothing", "NoSuchKey"),
        ("{bucket}/source?versionId=2", "NoSuchVersion"),
    ],
)
def test_an_invalid_source_is_refused(s3: Any, bucket: str, source: dict[str, str], copied: str, expected: str) -> None:
    assert source
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=copied.format(bucket=bucket))
    assert code(refused) == expected


def test_a_copy_needs_no_space(start: Start) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=bytes(100_000))
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/k")
    one, other = files(running.folder)
    assert one.stat().st_ino == other.stat().st_ino


def test_tags_are_set_counted_replaced_and_deleted(s3: Any, bucket: str, source: dict[str, str]) -> None:
    assert s3.get_object(**source)["TagCount"] == 2
    tags = [{"Key": "kind", "Value": "é & <x>"}]
    s3.put_object_tagging(**source, Tagging={"TagSet": tags})
    assert s3.get_object_tagging(**source)["TagSet"] == tags
    assert s3.get_object(**source)["Metadata"] == {"m": "old"}
    s3.delete_object_tagging(**source)
    assert s3.get_object_tagging(**source)["TagSet"] == []
    with pytest.raises(ClientError) as refused:
        s3.get_object_tagging(Bucket=bucket, Key="nothing")
    assert code(refused) == "NoSuchKey"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({str(number): "" for number in range(11)}, "BadRequest"),
        ({"k" * 129: ""}, "InvalidTag"),
        ({"k": "v" * 257}, "InvalidTag"),
    ],
    ids=["many", "long key", "long value"],
)
def test_tags_that_aws_refuses(s3: Any, source: dict[str, str], tags: dict[str, str], expected: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object_tagging(
            **source, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        )
    assert code(refused) == expected
