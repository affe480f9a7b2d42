"""Hostile requests, one per line: the errors, and that they have no other effect."""

import json

import numpy as np
import pytest

from forecastle.formats.recordio_writer import write_dense
from tests.attack.raw_client import exchange, leave, require_calm, require_level, resident_bytes
from tests.serving.running_server import RunningServer

CLOSE = b"Host: a\r\nConnection: close\r\n"
POST = b"POST /invocations HTTP/1.1\r\n" + CLOSE + b"Content-Type: text/csv\r\n"
GET = b"GET /ping HTTP/1.1\r\n" + CLOSE
SECOND = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

# What comes on one connection, and the statuses of all that is answered.
CONNECTIONS: dict[str, tuple[bytes, list[int]]] = {
    # Two readings of where a body ends
    "length and chunks": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, [400]),
    "chunks and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SECOND, [400]),
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n1,2\n" + SECOND, [400]),
    "a list of lengths": (POST + b"Content-Length: 4, 4\r\n\r\n1,2\n", [400]),
    "a length with a sign": (POST + b"Content-Length: +4\r\n\r\n1,2\n", [400]),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n1,2\n", [400]),
    "a length in hex": (POST + b"Content-Length: 0x4\r\n\r\n1,2\n", [400]),
    "a length beyond all numbers": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n1,2\n", [400]),
    "a length beyond the limit": (POST + b"Content-Length: 99999999999\r\n\r\n1,2\n", [413]),
    "no length": (POST + b"\r\n1,2\n", [400]),
    "an unknown coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n1,2\n", [400]),
    "an unknown coding after chunks": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", [400]),
    "chunks of another name": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400]),
    "a space before the colon": (POST + b"Content-Length : 4\r\n\r\n1,2\n", [400]),
    # Chunks
    "a chunk's size beyond all numbers": (CHUNKED + b"f" * 17 + b"\r\n", [400]),
    "a chunk's size with a sign": (CHUNKED + b"-1\r\n", [400]),
    "a chunk without a size": (CHUNKED + b"\r\n1,2\n\r\n0\r\n\r\n", [400]),
    "a chunk that is longer than it says": (CHUNKED + b"2\r\n1,2\n\r\n0\r\n\r\n", [400]),
    "a chunk that never ends": (CHUNKED + b"8;" + b"e" * 200_000, [431]),
    "trailers that never end": (CHUNKED + b"4\r\n1,2\n\r\n0\r\nX: " + b"y" * 200_000, [431]),
    "trailers without number": (CHUNKED + b"4\r\n1,2\n\r\n0\r\n" + b"X: y\r\n" * 50_000, [431]),
    # Heads
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "a version to come": (b"GET /ping HTTP/9.9\r\n" + CLOSE + b"\r\n", [400]),
    "a tunnel": (b"CONNECT a:80 HTTP/1.1\r\n" + CLOSE + b"\r\n", [405]),
    "an unknown method": (b"BREW /ping HTTP/1.1\r\n" + CLOSE + b"\r\n", [400]),
    "all of a server": (b"OPTIONS * HTTP/1.1\r\n" + CLOSE + b"\r\n", [404]),
    "a path that is none": (b"GET ping HTTP/1.1\r\n" + CLOSE + b"\r\n", [400]),
    "a path in another's address": (b"GET http://b/ping HTTP/1.1\r\n" + CLOSE + b"\r\n", [200]),
    "a path out of the tree": (b"GET /../../etc/passwd HTTP/1.1\r\n" + CLOSE + b"\r\n", [404]),
    "a path with a zero": (b"GET /ping%00 HTTP/1.1\r\n" + CLOSE + b"\r\n", [404]),
    "a path in another encoding": (b"GET /%ff%fe HTTP/1.1\r\n" + CLOSE + b"\r\n", [404]),
    "a path with bytes": (b"GET /\xff HTTP/1.1\r\n" + CLOSE + b"\r\n", [400]),
    "a long path": (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n", [431]),
    "a long query": (b"GET /ping?" + b"a=b&" * 15_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n", [200]),
    "a header with a zero": (GET + b"X: a\0b\r\n\r\n", [400]),
    "a header without a colon": (GET + b"X\r\n\r\n", [400]),
    "a header without a name": (GET + b": x\r\n\r\n", [400]),
    "a header that ends twice": (GET + b"X: a\rb\r\n\r\n", [400]),
    "a header over two lines": (GET + b"X: a\r\n b\r\n\r\n", [400]),
    "lines that end in one byte": (b"GET /ping HTTP/1.1\nHost: a\nConnection: close\n\n", [400]),
    "a long header": (GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n", [431]),
    "many headers": (GET + b"X: a\r\n" * 20_000 + b"\r\n", [431]),
    "an id that is none": (GET + b"X-Request-Id: \xff{}\r\n\r\n", [200]),
    # Bodies' types
    "a long media type": (POST[:-2] + b'; a="' + b";" * 60_000 + b"\r\nContent-Length: 4\r\n\r\n1,2\n", [400]),
    "no media type": (
        b"POST /invocations HTTP/1.1\r\n" + CLOSE + b"Content-Type: %s\r\nContent-Length: 0\r\n\r\n",
        [400],
    ),
    "a long Accept": (POST + b"Accept: " + b"a/b," * 15_000 + b"\r\nContent-Length: 4\r\n\r\n1,2\n", [406]),
    "an Accept without end": (POST + b"Accept: " + b";q=0," * 12_000 + b"\r\nContent-Length: 4\r\n\r\n1,2\n", [406]),
    "a coded body": (POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\0", [415]),
    "odd attributes": (
        POST + b"X-Amzn-SageMaker-Custom-Attributes: \x7f\xff\r\nContent-Length: 4\r\n\r\n1,2\n",
        [400],
    ),
    "an offer and a second request as the body": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(SECOND) + SECOND,
        [400],
    ),
    "an expectation that is none": (POST + b"Expect: 200-maybe\r\nContent-Length: 4\r\n\r\n1,2\n", [200]),
}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_hostile_connection_is_refused_and_read_as_one_request(server: RunningServer, name: str) -> None:
    content, statuses = CONNECTIONS[name]
    assert [answer.status for answer in exchange(server, [content])] == statuses


ROWS = np.array([[0.5, 2.0]], np.float32)
RECORD = write_dense(ROWS)
NUMBERS = b"1" * 200_000

# Bodies by their media type, and the statuses of their answers by a forest of two columns.
BODIES: dict[str, tuple[str, bytes, int]] = {
    "an empty body": ("text/csv", b"", 400),
    "a byte order mark": ("text/csv", b"\xef\xbb\xbf1,2\n", 200),
    "another encoding": ("text/csv", "1,2\n".encode("utf-16"), 400),
    "zeros": ("text/csv", bytes(100_000), 400),
    "commas": ("text/csv", b"," * 1_000_000, 400),
    "lines": ("text/csv", b"\n" * 1_000_000, 400),
    "quotation marks": ("text/csv", b'"' * 500_000, 400),
    "a long number": ("text/csv", NUMBERS + b"," + NUMBERS + b"\n", 400),
    "a long fraction": ("text/csv", b"0." + NUMBERS + b",1e-" + b"9" * 1000 + b"\n", 200),
    "a number that is none": ("text/csv", b"nan,inf\n", 400),
    "a program": ("text/csv", b"=cmd|'/c calc'!A1,1\n", 400),
    "a deep list": ("application/json", b"[" * 1_000_000, 400),
    "a deep object": ("application/json", b'{"a":' * 200_000, 400),
    "a deep instance": ("application/json", b'{"instances":' + b"[" * 500_000 + b"]" * 500_000 + b"}", 400),
    "a number beyond all": ("application/json", b'{"instances":[{"features":[1e999,%s]}]}' % NUMBERS, 400),
    "no numbers": ("application/json", b'{"instances":[{"features":[NaN,Infinity]}]}', 400),
    "half a surrogate pair": ("application/json", b'{"instances":["\\ud800"]}', 400),
    "a long text": ("application/json", b'{"instances":"%s"}' % (b"x" * 1_000_000), 400),
    "a member twice": ("application/json", b'{"instances":[],"instances":[{"features":[1,2]}]}', 400),
    "many members": ("application/json", json.dumps({str(i): i for i in range(50_000)}).encode(), 400),
    "many instances": ("application/json", b'{"instances":[%s{}]}' % (b"{}," * 300_000), 400),
    "a sparse row without end": (
        "application/json",
        b'{"instances":[{"data":{"features":{"keys":[0],"shape":[99999999999],"values":[1]}}}]}',
        400,
    ),
    "no object": ("application/json", b"null", 400),
    "half an object": ("application/json", b'{"instances":[{"features":[1,2', 400),
    "lines without objects": ("application/jsonlines", b"1\n" * 100_000, 400),
    "deep lines": ("application/jsonlines", b"[" * 100_000 + b"\n", 400),
    "half a record": ("application/x-recordio-protobuf", RECORD[:-3], 400),
    "a record of another length": (
        "application/x-recordio-protobuf",
        RECORD[:4] + b"\xff\xff\xff\x1f" + RECORD[8:],
        400,
    ),
    "noise": ("application/x-recordio-protobuf", np.random.default_rng(0).bytes(100_000), 400),
    "a record of noise": (
        "application/x-recordio-protobuf",
        RECORD[:8] + np.random.default_rng(1).bytes(len(RECORD) - 8),
        400,
    ),
    "an unknown type": ("application/x-python-pickle", b"cos\nsystem\n(S'true'\ntR.", 415),
    "an archive": ("text/csv", b"\x1f\x8b" + bytes(1000), 400),
    "more than is allowed": ("text/csv", b"1,2\n" * 2**20, 413),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_in_one_sentence(forest: RunningServer, name: str) -> None:
    media_type, body, status = BODIES[name]
    response = forest.post("/invocations", body, media_type)
    assert response.status_code == status, response.text
    described = forest.get("/openapi.json").json()["paths"]["/invocations"]["post"]
    assert str(status) in described["responses"]
    if status != 200:
        assert 10 < len(response.text) < 400
        assert "\n" not in response.text


def test_memory_returns_after_all_attacks(forest: RunningServer) -> None:
    def all_of_it() -> None:
        for media_type, body, _ in BODIES.values():
            forest.post("/invocations", body, media_type)
        for content, _ in CONNECTIONS.values():
            leave(forest, [content], abruptly=False)

    all_of_it()
    before = resident_bytes(forest)
    for _ in range(3):
        all_of_it()
    require_calm(forest)
    require_level(forest, before, slack=48 * 2**20)
