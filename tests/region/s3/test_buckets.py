"""Buckets through boto3, and what is set on them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.s3.conftest import Start
from tests.region.s3.running_s3 import RunningS3
from tests.region.s3.test_objects import code


@pytest.mark.parametrize("name", ["abc", "a1-b2.c3", "1bucket", "x" * 63, "sagemaker-us-east-1-123456789012"])
def test_a_name_that_aws_allows_is_accepted(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "x" * 64,
        "Upper",
        "under_score",
        "-start",
        "end-",
        "end.",
        "two..dots",
        "192.168.5.4",
        "xn--name",
        "sthree-name",
        "amzn-s3-demo-name",
        "name-s3alias",
        "name--ol-s3",
        "name.mrap",
        "name--x-s3",
    ],
)
def test_a_name_that_aws_refuses_is_refused(server: RunningS3, name: str) -> None:
    for method in ("PUT", "GET"):
        answer = server.send(method, f"/{name}")
        assert answer.status == 400
        start = "<Error><Code>InvalidBucketName</Code><Message>The specified bucket is not valid.</Message>"
        assert f"{start}<BucketName>{name}</BucketName>" in answer.body.decode()


def test_the_location_of_a_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket="here")
    s3.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert s3.get_bucket_location(Bucket="here")["LocationConstraint"] is None
    assert s3.get_bucket_location(Bucket="there")["LocationConstraint"] == "eu-central-1"
    assert s3.head_bucket(Bucket="there")["BucketRegion"] == "eu-central-1"
    regions = {bucket["Name"]: bucket["BucketRegion"] for bucket in s3.list_buckets()["Buckets"]}
    assert (regions["here"], regions["there"]) == ("us-east-1", "eu-central-1")
    s3.create_bucket(Bucket="here")
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert code(refused) == "BucketAlreadyOwnedByYou"
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(Bucket="nowhere", CreateBucketConfiguration={"LocationConstraint": "the moon"})
    assert code(refused) == "InvalidLocationConstraint"


def test_buckets_are_listed_in_pages(start: Start) -> None:
    s3 = start().client()
    names = [f"bucket-{number}" for number in range(5)]
    for name in reversed(names):
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    assert [[bucket["Name"] for bucket in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]
    assert [bucket["Name"] for bucket in s3.list_buckets(Prefix="bucket-3")["Buckets"]] == ["bucket-3"]


def test_a_bucket_that_is_not_empty_cannot_be_deleted(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket(Bucket=bucket)
    assert code(refused) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket=bucket)
    assert refused.value.response["Error"] == {
        "Code": "NoSuchBucket",
        "Message": "The specified bucket does not exist",
        "BucketName": bucket,
    }


def test_a_new_bucket_has_awss_settings(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    [grant] = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert (grant["Permission"], grant["Grantee"]["Type"]) == ("FULL_CONTROL", "CanonicalUser")
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    for call, expected in (
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ):
        with pytest.raises(ClientError) as refused:
            call(Bucket=bucket)
        assert code(refused) == expected


def test_settings_of_a_bucket_are_returned(s3: Any, bucket: str) -> None:
    rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules["CORSRules"]
    tags = [{"Key": "course", "Value": "forecasting & <more>"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    with pytest.raises(ClientError) as refused:
        s3.get_bucket_tagging(Bucket=bucket)
    assert code(refused) == "NoSuchTagSet"


def test_an_access_list_is_refused_as_aws_refuses_it(s3: Any, bucket: str) -> None:
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert code(refused) == "AccessControlListNotSupported"
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")
    for access in ({"ACL": "public-read"}, {"GrantRead": "id=any"}):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key="k", Body=b"", **access)
        assert code(refused) == "AccessControlListNotSupported"
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(Bucket="public", ACL="public-read")
    assert code(refused) == "InvalidBucketAclWithObjectOwnership"


def test_an_invalid_document_is_refused(server: RunningS3, bucket: str) -> None:
    for body in (b"<Tagging>", b"not xml", b"<Other/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><Tagging>&b;</Tagging>"):
        answer = server.send("PUT", f"/{bucket}?tagging", body)
        assert (answer.status, b"<Code>MalformedXML</Code>" in answer.body) == (400, True)


def test_an_unknown_method_is_refused(server: RunningS3, bucket: str) -> None:
    assert server.send("PATCH", f"/{bucket}").status == 405
    assert server.send("DELETE", "/").status == 405
