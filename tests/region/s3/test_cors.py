"""Requests of web pages, under the CORS rules of a bucket."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.s3.running_s3 import RunningS3

RULES = [
    {
        "AllowedOrigins": ["https://*.example.com", "http://localhost:3000"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["Content-*", "x-amz-acl"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
]


@pytest.fixture
def shared(s3: Any, bucket: str) -> str:
    """A bucket with rules, and one object."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    return f"/{bucket}/key"


def preflight(server: RunningS3, path: str, origin: str, method: str, headers: str = "") -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return server.send(
        "OPTIONS", path, headers=asked | ({"Access-Control-Request-Headers": headers} if headers else {})
    )


def test_a_preflight_request_is_answered_by_the_first_rule_that_allows_it(server: RunningS3, shared: str) -> None:
    answer = preflight(server, shared, "https://a.example.com", "PUT", "Content-Type, X-Amz-Acl")
    assert answer.status == 200
    found = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert found == {
        "access-control-allow-origin": "https://a.example.com",
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "content-type, x-amz-acl",
        "access-control-expose-headers": "ETag",
        "access-control-max-age": "600",
        "access-control-allow-credentials": "true",
    }
    answer = preflight(server, shared, "https://other.example", "GET")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("https://other.example", "PUT", ""),
        ("https://a.example.com", "DELETE", ""),
        ("https://a.example.com", "PUT", "x-other"),
        ("https://example.com", "PUT", ""),
        ("https://a.example.com.evil", "PUT", ""),
    ],
)
def test_a_preflight_request_that_no_rule_allows_is_refused(
    server: RunningS3, shared: str, origin: str, method: str, headers: str
) -> None:
    answer = preflight(server, shared, origin, method, headers)
    assert answer.status == 403
    assert b"<Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed." in answer.body
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_a_bucket_without_rules_has_no_cors(server: RunningS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    answer = preflight(server, f"/{bucket}/key", "https://a.example.com", "GET")
    assert (answer.status, b"CORS is not enabled for this bucket." in answer.body) == (403, True)
    answer = server.send("GET", f"/{bucket}/key", headers={"Origin": "https://a.example.com"})
    assert (answer.body, "access-control-allow-origin" in answer.headers) == (b"content", False)


@pytest.mark.parametrize(("path", "status"), [("", 200), ("-missing", 404)])
def test_responses_and_errors_have_the_headers_of_the_rule(
    server: RunningS3, shared: str, path: str, status: int
) -> None:
    answer = server.send("GET", shared + path, headers={"Origin": "http://localhost:3000"})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert answer.headers["access-control-expose-headers"] == "ETag"
    assert answer.headers["vary"].startswith("Origin")


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": []}, "MalformedXML"),
    ],
)
def test_invalid_rules_are_refused(s3: Any, bucket: str, rule: Any, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert refused.value.response["Error"]["Code"] == code
