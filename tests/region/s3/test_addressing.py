"""Buckets named by the host, and by the path."""

import pytest

from forecastle.region.s3.addressing import bucket_and_key
from tests.region.s3.running_s3 import RunningS3

VIRTUAL = [
    "{}.s3.amazonaws.com",
    "{}.s3.us-east-1.amazonaws.com",
    "{}.s3-eu-west-1.amazonaws.com",
    "{}.s3.dualstack.us-gov-west-1.amazonaws.com",
    "{}.s3.cn-north-1.amazonaws.com.cn",
    "{}.s3-accelerate.amazonaws.com",
    "{}.localhost:4566",
    "{}.s3.localhost",
    "{}.s3.localhost.localstack.cloud:4566",
]
PATH = ["s3.amazonaws.com", "s3.eu-west-1.amazonaws.com", "localhost:4566", "127.0.0.1:4566", "s3.localhost", ""]


@pytest.mark.parametrize("host", VIRTUAL)
def test_a_host_may_contain_the_bucket(host: str) -> None:
    for bucket in ("bucket", "dotted.bucket"):
        assert bucket_and_key(host.format(bucket), b"/a/b%20c") == (bucket, "a/b c")
        assert bucket_and_key(host.format(bucket), b"/") == (bucket, "")
        assert bucket_and_key(host.format(bucket), b"//a") == (bucket, "/a")


@pytest.mark.parametrize("host", PATH)
def test_a_path_may_contain_the_bucket(host: str) -> None:
    assert bucket_and_key(host, b"/bucket/a/b%2Fc?x") == ("bucket", "a/b/c")
    assert bucket_and_key(host, b"/bucket") == ("bucket", "")
    assert bucket_and_key(host, b"/bucket/") == ("bucket", "")
    assert bucket_and_key(host, b"/bucket//a/../b") == ("bucket", "/a/../b")
    assert bucket_and_key(host, b"/") == ("", "")


def test_both_reach_the_same_object(server: RunningS3, bucket: str) -> None:
    host = {"host": f"{bucket}.s3.us-east-1.amazonaws.com"}
    assert server.send("PUT", "/folder/k", b"bytes", host).status == 200
    assert server.send("GET", f"/{bucket}/folder/k").body == b"bytes"
