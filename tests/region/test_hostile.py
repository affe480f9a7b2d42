"""Requests that no client of AWS's sends: each is answered by a sentence, and the region goes on."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from tests.region.running_region import RunningRegion

OWN = b"Host: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n"


def signed(service: str) -> bytes:
    return f"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request\r\n".encode()


def sent(region: RunningRegion, *pieces: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to bytes, each of them sent by itself."""
    host, port = region.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@pytest.fixture(autouse=True)
def _no_fault(region: RunningRegion) -> Iterator[None]:
    """Nothing of this is worth a line of the region's, least of all a traceback."""
    assert region.address
    before = len(region.lines)
    yield
    assert region.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert region.lines[before:] == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n", 403),
        (b"GET http://evil.example/ HTTP/1.1\r\n" + OWN, 403),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example\r\n", 200),  # whose Host does not count
        (b"GET http://s3.us-east-1.amazonaws.com/data HTTP/1.1\r\nHost: evil.example\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n" + OWN, 400),
        (b"GET / HTTP/1.1\r\n" + OWN + b"Host: evil.example\r\n", 400),
        (b"GET / HTTP/1.1\r\n", 403),
        (b"GET / HTTP/1.0\r\n", 403),
        (b"GET data HTTP/1.1\r\n" + OWN, 400),
        (b"GET /data/\xff HTTP/1.1\r\n" + OWN, 400),
        (b"GET /data/%ff HTTP/1.1\r\n" + OWN, 400),
        (b"GET / HTTP/1.1\r\nX: a\0b\r\n" + OWN, 400),
        (b"PUT /data/k HTTP/1.1\r\nContent-Length: -5\r\n" + OWN, 400),
        (b"PUT /data/k HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n" + OWN, 400),
        (b"GET / HTTP/1.1\r\n" + OWN + b"Authorization: AWS4-HMAC-SHA256 Credential=////\r\n", 200),
        (b"GET / HTTP/1.1\r\n" + OWN + b"Authorization: \xff\r\n", 200),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n" + OWN + signed("ec2"), 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n" + OWN + signed("../x"), 501),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n" + OWN + b"X-Amz-Target: ../../x.y\r\n", 501),
    ],
)
def test_a_head_that_is_odd(region: RunningRegion, head: bytes, status: int) -> None:
    assert sent(region, head + CLOSE + b"\r\n")[0] == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + OWN + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + OWN + b"X: y\r\n" * 14_000 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + OWN + b"\r\n",
        b"X" * 66_000,  # whose end never comes
    ],
)
def test_a_head_that_is_too_large_is_refused(region: RunningRegion, head: bytes) -> None:
    assert sent(region, head) == (431, b"The headers are larger than 65536 bytes.\n")


def test_a_head_may_come_byte_by_byte_after_blank_lines(region: RunningRegion) -> None:
    head = b"\r\n\r\nGET /data HTTP/1.1\r\n" + OWN + CLOSE + b"\r\n"
    assert sent(region, *(bytes([byte]) for byte in head))[0] == 200


def test_requests_may_follow_each_other_without_waiting(region: RunningRegion) -> None:
    get = b"GET /data HTTP/1.1\r\n" + OWN + b"%s\r\n"
    host, port = region.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(get % b"" + get % b"" + get % CLOSE)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 3


def test_an_offer_of_another_protocol_is_ignored(region: RunningRegion) -> None:
    """Java's client makes one with each first request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
    head = b"PUT /data/offered HTTP/1.1\r\n" + OWN + signed("s3") + offer + b"Content-Length: 3\r\n\r\n"
    assert sent(region, head, b"abc")[0] == 200
    assert region.client("s3").get_object(Bucket="data", Key="offered")["Body"].read() == b"abc"


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"0_3\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"3" * 20_000 + b"\r\n",
        b"f" * 17 + b"\r\nabc",
        b"3\r\nabc\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"2\r\nab\r\n0\r\n\r\n",  # less than was announced
        b"3\r\nabc\r\n0\r\n\r\n3\r\nabc\r\n",  # and then something
        b"3\r\nabc\r\n0\r\n" + b"".join(b"t%d: b\r\n" % number for number in range(5000)) + b"\r\n",
    ],
)
def test_a_body_whose_chunks_are_broken_is_refused(region: RunningRegion, body: bytes) -> None:
    head = b"PUT /data/hostile/broken HTTP/1.1\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n"
    head += b"Content-Encoding: aws-chunked\r\nx-amz-decoded-content-length: 3\r\n" + OWN + CLOSE + signed("s3")
    status, answer = sent(region, head + b"Content-Length: %d\r\n\r\n" % len(body), body)
    assert (status, b"<Code>IncompleteBody</Code>" in answer) == (400, True)
    assert "Contents" not in region.client("s3").list_objects_v2(Bucket="data", Prefix="hostile/")


def test_an_object_that_is_too_large_is_refused_before_it_comes(region: RunningRegion) -> None:
    head = b"PUT /data/large HTTP/1.1\r\n" + OWN + CLOSE + signed("s3") + b"Content-Length: 5368709121\r\n\r\n"
    host, port = region.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[]", "The body must be a JSON object, got a list."),
        (b'{"a":' * 100_000, "The body is not JSON: it is nested too deeply."),
        (b"[" * 100_000, "The body is not JSON: it is nested too deeply."),
        (b'{"MaxResults": NaN}', "The body is not JSON: NaN is no number."),
        (b'{"MaxResults": 1e400}', "MaxResults: expected an integer, got a number."),
        (b'{"MaxResults": true}', "MaxResults: expected an integer, got a boolean."),
        (b'{"NameContains": "\\ud800"}', "The body is not JSON: a string in it is not Unicode."),
        (b'{"NextToken": "LTU="}', "Invalid NextToken: LTU="),  # -5
        (b'{"NextToken": "zzz"}', "Invalid NextToken: zzz"),
    ],
)
def test_json_that_is_odd(region: RunningRegion, body: bytes, sentence: str) -> None:
    head = b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListTrainingJobs\r\n" + OWN + CLOSE + signed("sagemaker")
    status, answer = sent(region, head + b"Content-Length: %d\r\n\r\n" % len(body), body)
    assert (status, json.loads(answer)["message"]) == (400, sentence)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("Action=ListMetrics&NextToken=x", "The specified NextToken is invalid: x"),
        ("Action=ListMetrics&NextToken=%C2%B2", "The specified NextToken is invalid: ²"),  # a digit, to Python
        (
            "Action=PutMetricData&Namespace=a&MetricData.member.1.MetricName=x",
            "The parameter MetricData.member.1.Value",
        ),
        ("Action=PutMetricData&Namespace=a&MetricData.member.²=x", None),
        (
            "Action=PutMetricData&Namespace=a&MetricData.member.1.MetricName=x&MetricData.member.1.Values.member.1=1"
            "&MetricData.member.1.Counts.member.1=1e15",
            "The parameter MetricData.member.1 must have finite values, which count up to 100000 together.",
        ),
    ],
)
def test_a_form_that_is_odd(region: RunningRegion, form: str, sentence: str | None) -> None:
    body = form.encode()
    head = (
        b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n" + OWN + CLOSE + signed("monitoring")
    )
    status, answer = sent(region, head + b"Content-Length: %d\r\n\r\n" % len(body), body)
    assert (status, (sentence or "").encode() in answer) == (200 if sentence is None else 400, True)


def test_a_page_of_functions_that_there_is_not(region: RunningRegion) -> None:
    head = b"GET /2015-03-31/functions/?Marker=x HTTP/1.1\r\n" + OWN + CLOSE + signed("lambda") + b"\r\n"
    status, answer = sent(region, head)
    assert (status, b"The specified Marker is invalid: x" in answer) == (400, True)


def test_documents_are_no_bombs(region: RunningRegion) -> None:
    entities = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10))
    for entity in (f'<!ENTITY e0 "aaaaaaaaaa">{entities}', '<!ENTITY e9 SYSTEM "file:///etc/passwd">'):
        body = f"<!DOCTYPE x [{entity}]><Delete><Object><Key>&e9;</Key></Object></Delete>".encode()
        head = b"POST /data?delete HTTP/1.1\r\nx-amz-sdk-checksum-algorithm: CRC32\r\n" + OWN + CLOSE + signed("s3")
        status, answer = sent(region, head + b"Content-Length: %d\r\n\r\n" % len(body), body)
        assert status == 400
        assert b"root:" not in answer
