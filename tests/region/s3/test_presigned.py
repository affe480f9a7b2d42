"""Presigned URLs, of both versions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.region.s3.running_s3 import RunningS3


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_gets_and_puts(server: RunningS3, bucket: str, version: str) -> None:
    client = server.client(signature_version=version)
    said = {"Bucket": bucket, "Key": "a key+1"}
    put = client.generate_presigned_url("put_object", Params={**said, "ContentType": "text/plain"})
    assert server.send("PUT", target(put), b"bytes", {"content-type": "text/plain"}).status == 200
    get = client.generate_presigned_url("get_object", Params={**said, "ResponseContentType": "text/csv"})
    answer = server.send("GET", target(get))
    assert (answer.body, answer.headers["content-type"]) == (b"bytes", "text/csv")


def test_a_form_is_stored_like_any_other_object(server: RunningS3, s3: Any, bucket: str) -> None:
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert server.send("PUT", target(url), b"a=1&b=2", form).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a=1&b=2"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_expired_url_is_refused(server: RunningS3, bucket: str, version: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=100)
    query = {
        "s3": f"AWSAccessKeyId=any&Signature=any&Expires={int(past.timestamp())}",
        "s3v4": f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={past:%Y%m%dT%H%M%SZ}&X-Amz-Expires=60&X-Amz-Signature=0",
    }[version]
    answer = server.send("GET", f"/{bucket}/k?{query}")
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.body
    assert b"<ServerTime>" in answer.body


@pytest.mark.parametrize("query", ["X-Amz-Expires=604801&X-Amz-Date=20260101T000000Z", "X-Amz-Expires=x", ""])
def test_a_url_that_is_not_signed_right_is_refused(server: RunningS3, bucket: str, query: str) -> None:
    answer = server.send("GET", f"/{bucket}/k?X-Amz-Signature=0&{query}")
    assert (answer.status, b"<Code>AuthorizationQueryParametersError</Code>" in answer.body) == (400, True)


def target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
