"""Requests that offer another protocol: the offer is ignored, and the request is answered like any other."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.serving.conftest import Write
from tests.serving.running_server import RunningServer, read_answer, read_answers

JAVA_CLIENT = Path(__file__).parent / "Ask.java"
OFFERS = {
    "curl": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
    "several": b"Upgrade: h2c, IRC/6.9\r\nconnection: upgrade\r\nUPGRADE: TLS/1.0\r\n",
    "empty": b"Upgrade:\r\nConnection: upgrade\r\n",
}
PREDICT = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SCORED = b'{"scores": [{"score": 3.0}]}'


def framed(body: bytes, chunked: bool) -> bytes:
    """The end of a head, and the body."""
    if not chunked:
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    half = len(body) // 2
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:half], body[half:])]
    return b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


def send(connection: socket.socket, request: bytes, packets: str) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head, end, rest = request.partition(b"\r\n\r\n")
    pieces = {
        "one": [request],
        "head, then body": [head + end, rest],
        "bytes": [request[at : at + 1] for at in range(len(request))],
    }
    for piece in pieces[packets]:
        connection.sendall(piece)


@pytest.mark.parametrize("packets", ["one", "head, then body", "bytes"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("offer", OFFERS)
def test_a_request_that_offers_an_upgrade_is_answered_as_any_other(
    server: RunningServer, offer: str, chunked: bool, packets: str
) -> None:
    request = PREDICT + OFFERS[offer] + framed(b"1,2\n", chunked)
    with server.connection() as connection:
        send(connection, 2 * request + PING, packets)
        assert [(status, body) for status, _, body in read_answers(connection)] == [(200, SCORED)] * 2 + [(200, b"")]


@pytest.mark.parametrize("packets", ["one", "head, then body", "bytes"])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_request_that_offers_an_upgrade_is_not_parsed_as_a_request(
    server: RunningServer, chunked: bool, packets: str
) -> None:
    body = b"GET /execution-parameters HTTP/1.1\r\nHost: a\r\n\r\n"
    with server.connection() as connection:
        send(connection, PREDICT + OFFERS["curl"] + framed(body, chunked) + PING, packets)
        refused, ping = read_answers(connection)
        assert (refused[0], ping[0]) == (400, 200)
        assert refused[2].startswith(b"row 1, ")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_upgrade_offered_on_a_connection_that_closes_is_ignored(
    server: RunningServer, chunked: bool, version: bytes
) -> None:
    if chunked and version == b"1.0":
        return  # which has no chunks
    head = PREDICT.replace(b"1.1", version) + b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
    with server.connection() as connection:
        connection.sendall(head + framed(b"1,2\n", chunked) + PREDICT + framed(b"1,2\n", chunked))
        ((status, headers, body),) = read_answers(connection)  # and none to what came after it
        assert (status, headers["connection"], body) == (200, "close", SCORED)


@pytest.mark.parametrize("suffix", ["", "-response-stream"])
def test_an_endpoint_ignores_an_upgrade(server: RunningServer, suffix: str) -> None:
    line = f"POST /endpoints/any/invocations{suffix} HTTP/1.1\r\nHost: a\r\n".encode()
    with server.connection() as connection:
        connection.sendall(line + OFFERS["curl"] + framed(b"1,2\n", False) + PING)
        answer, ping = read_answers(connection)
        assert (answer[0], ping[0]) == (200, 200)
        assert SCORED in answer[2]


def test_calls_under_models_ignore_an_upgrade(several: RunningServer, write: Write) -> None:
    load = b'{"model_name": "a", "url": "%b"}' % str(write()).encode()
    for path, body in ((b"/models", load), (b"/models/a/invoke", b"1,2\n")):
        with several.connection() as connection:
            connection.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\n" % path + OFFERS["curl"] + framed(body, False) + PING)
            assert [status for status, _, _ in read_answers(connection)] == [200, 200]


def test_an_expected_body_is_requested_despite_an_offer_to_upgrade(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(PREDICT + OFFERS["curl"] + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert read_answer(connection)[0] == 100
        connection.sendall(b"1,2\n")
        assert read_answer(connection)[2] == SCORED


def test_a_broken_head_with_an_offer_is_400(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(PREDICT + OFFERS["curl"] + b"Transfer-Encoding: gzip\r\n\r\n1,2\n" + PING)
        assert [status for status, _, _ in read_answers(connection)] == [400]


@pytest.mark.parametrize("target", [b"example.com:443", b"/invocations"])
def test_connect_is_refused_and_nothing_after_it_is_a_request(server: RunningServer, target: bytes) -> None:
    with server.connection() as connection:
        connection.sendall(PING.replace(b"Connection: close\r\n", b""))
        connection.sendall(b"CONNECT %b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" % target + PING)
        ping, refused = read_answers(connection)
        assert (ping[0], refused[0], refused[1]["allow"]) == (200, 405, "GET, HEAD, POST")
        assert refused[2] == b"CONNECT: expected GET, HEAD or POST: this server is not a proxy."


def test_curl_that_offers_http_2_is_answered(server: RunningServer, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None or "HTTP2" not in subprocess.run([curl, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("curl with HTTP/2 is not installed")
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"1,2\n" * 50_000)
    for data in ("1,2\n", f"@{rows}"):
        options = ("-s", "--noproxy", "*", "--http2", "-w", "%{http_code}", "-H", "Content-Type: text/csv")
        command = [curl, *options, "--data-binary", data, f"{server.url}/invocations"]
        answer = subprocess.run(command, capture_output=True, check=True).stdout
        assert answer.startswith(SCORED[:-2])
        assert answer.endswith(b"200")


def test_javas_client_is_answered(server: RunningServer) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    command = [java, str(JAVA_CLIENT), f"{server.url}/invocations", "1", "50000"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if "jdk.compiler not found" in answer.stderr:
        pytest.skip("java has no compiler: a JDK is not installed")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [f"200 {len(SCORED)}", f"200 {len(SCORED) + 49_999 * 16}"]
