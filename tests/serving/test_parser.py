"""The limits on what is neither head nor body, and refusals among the requests of a connection."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.serving.parser import TRAILER_BYTES
from tests.serving.running_server import Answer, RunningServer, read_answer, read_answers

HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = HEAD + b"Content-Length: 4\r\n\r\n1,2\n"
PING = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SCORED = b'{"scores": [{"score": 3.0}]}'
TOO_LARGE = b"Request: expected at most 65536 bytes of trailers, chunk extensions and blank lines, got more."


def answers_to(server: RunningServer, *pieces: bytes) -> list[Answer]:
    with server.connection() as connection:
        with contextlib.suppress(ConnectionError):  # it may be closed before all is sent
            for piece in pieces:
                connection.sendall(piece)
        return read_answers(connection)


def peak_memory(server: RunningServer) -> int:
    """The peak memory of the process, in KiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_trailers_are_taken_up_to_the_limit(server: RunningServer) -> None:
    fill = TRAILER_BYTES // 2
    trailers = b"X-Sum: %b\r\nY-Sum: %b\r\n\r\n" % (b"y" * fill, b"y" * (fill - 100))
    request = CHUNKED + b"4\r\n1,2\n\r\n0\r\n"
    with server.connection() as connection:
        for _ in range(3):  # on a connection that remains usable
            connection.sendall(request)
            for at in range(0, len(trailers), 1000):
                connection.sendall(trailers[at : at + 1000])
            assert read_answer(connection)[2] == SCORED


def test_a_trailer_is_not_a_header(server: RunningServer) -> None:
    trailers = b"Content-Type: image/png\r\nX-Amzn-SageMaker-Custom-Attributes: %b\r\n\r\n" % (b"x" * 2000)
    (scored, ping) = answers_to(server, CHUNKED + b"4\r\n1,2\n\r\n0\r\n" + trailers + PING)
    assert (scored[2], ping[0]) == (SCORED, 200)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (CHUNKED + b"4\r\n1,2\n\r\n0\r\nX: ", b"y" * 1000),  # one trailer
        (CHUNKED + b"4\r\n1,2\n\r\n0\r\n", b"X-Many: y\r\n" * 100),  # many
        (CHUNKED + b"4\r\n1,2\n\r\n0\r\n", b"y" * 1000),  # a trailer's name
        (CHUNKED + b"4;x=", b"y" * 1000),  # a chunk's extension
        (CHUNKED + b"4;", b"x=y;" * 250),  # many
    ],
)
def test_trailers_and_extensions_without_end_are_431_and_close_the_connection(
    server: RunningServer, begin: bytes, piece: bytes
) -> None:
    server.ask()
    before = peak_memory(server)
    with contextlib.suppress(ConnectionResetError):
        ((status, headers, body),) = answers_to(server, begin, *[piece * 20] * 1000)
        assert (status, headers["connection"], body) == (431, "close", TOO_LARGE)
    assert server.await_line("request", status=431, path="/invocations", error=TOO_LARGE.decode())["id"]
    assert peak_memory(server) - before < 4 * 1024
    assert server.get("/ping").status_code == 200


def test_an_extension_of_each_chunk_counts(server: RunningServer) -> None:
    chunks = [b"4;x=%b\r\n1,2\n\r\n" % (b"y" * 100) for _ in range(1000)]
    with contextlib.suppress(ConnectionResetError):
        assert [answer[0] for answer in answers_to(server, CHUNKED, *chunks, b"0\r\n\r\n")] == [431]


def test_the_sizes_of_small_chunks_do_not_count(server: RunningServer) -> None:
    rows = 50_000
    for chunk in (b"4\r\n1,2\n\r\n", b"00000004\r\n1,2\n\r\n", b"2\r\n1,\r\n2\r\n2\n\r\n"):
        ((status, _, body),) = answers_to(
            server, CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), chunk * rows, b"0\r\n\r\n"
        )
        assert (status, body.count(b"score")) == (200, rows + 1)


def test_blank_lines_count(server: RunningServer) -> None:
    for begin, count in ((b"", 0), (SMALL, 1)):
        with contextlib.suppress(ConnectionResetError):
            *answers, (status, _, body) = answers_to(server, begin, *[b"\r\n" * 1000] * 100)
            assert [answer[2] for answer in answers] == [SCORED] * count
            assert (status, body) == (431, TOO_LARGE)


def test_requests_before_a_refused_one_are_answered_first(server: RunningServer) -> None:
    slow = b'{"rows": [[1]], "sleep": 0.3}'
    first = HEAD.replace(b"text/csv", b"application/json") + b"Content-Length: %d\r\n\r\n" % len(slow) + slow
    for broken, status in (
        (b"nonsense\r\n\r\n" + SMALL, 400),
        (CHUNKED + b"no size\r\n" + SMALL, 400),
        (HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMALL, 400),
        (CHUNKED + b"4\r\n1,2\n\r\n0\r\n" + b"X: yy\r\n" * 20_000, 431),
        (b"CONNECT a:80 HTTP/1.1\r\n\r\n" + SMALL, 405),
    ):
        with contextlib.suppress(ConnectionResetError):
            answers = answers_to(server, first + SMALL + broken)
            assert [answer[0] for answer in answers] == [200, 200, status]


@pytest.mark.parametrize("packet", [1000, 100_000])
def test_of_many_pipelined_requests_few_are_in_memory_at_a_time(server: RunningServer, packet: int) -> None:
    count, before = 20_000, peak_memory(server)
    content = b"GET /ping HTTP/1.1\r\n\r\n" * count + SMALL + PING
    with server.connection() as connection, ThreadPoolExecutor(1) as pool:
        answers = pool.submit(read_answers, connection)
        for at in range(0, len(content), packet):
            connection.sendall(content[at : at + packet])
        *pings, small, last = answers.result()
    assert (len(pings), {answer[0] for answer in pings}) == (count, {200})
    assert (small[2], last[1]["connection"]) == (SCORED, "close")
    assert peak_memory(server) - before < 4 * 1024


def test_a_body_that_breaks_after_its_answer_has_no_second_one(server: RunningServer) -> None:
    with server.connection() as connection:
        connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert read_answer(connection)[0] == 404
        connection.sendall(b"no size\r\n")
        assert read_answers(connection) == []


def test_malformed_requests_are_no_errors_of_ours(server: RunningServer) -> None:
    errors, before = len(server.lines("error")), len(server.lines("request"))
    broken = (
        b"\x16\x03\x01 what is this\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n1,2\n",
        CHUNKED + b"no size\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n",
        HEAD + b"Bad Name: x\r\n\r\n",
        HEAD + b" folded\r\n\r\n",
        HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: gzip\r\n\r\n",
    )
    for request in broken:
        ((status, headers, body),) = answers_to(server, request)
        assert (status, headers["connection"], body) == (400, "close", b"Invalid HTTP request received."), request
    server.get("/execution-parameters", headers={"X-Request-Id": "after-broken"})
    server.await_line("request", id="after-broken")
    assert len(server.lines("request")) == before + len(broken) + 1
    assert len(server.lines("error")) == errors
    assert server.stderr == ""


def test_a_client_that_half_sent_a_request_and_resets_leaves_no_error(server: RunningServer) -> None:
    errors = len(server.lines("error"))
    for sent in (
        b"POST /inv",
        HEAD,
        CHUNKED,
        CHUNKED + b"4\r\n1,",
        CHUNKED + b"4\r\n1,2\n\r\n0\r\nX:",
        SMALL,
        SMALL[:-1],
    ):
        with server.connection() as connection:
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert server.get("/ping").status_code == 200
    assert len(server.lines("error")) == errors


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request for the sum of 1 and 2, in any valid form."""
    lines = [b"Host: a", b"Content-Type: text/csv"]
    if draw(st.booleans()):
        lines += [b"Upgrade: " + draw(st.sampled_from([b"h2c", b"websocket", b"", b"x/1, y"]))]
        lines += [b"Connection: " + draw(st.sampled_from([b"Upgrade", b"keep-alive, upgrade", b"x"]))]
    body = b"1,2\n"
    if draw(st.booleans()):
        lines += [b"Content-Length: 4"]
    else:
        lines += [b"Transfer-Encoding: chunked"]
        at = draw(st.integers(1, 3))
        extensions = st.sampled_from([b"", b";a", b";a=b;c", b';a="b"'])
        chunks = [b"%x%b\r\n%b\r\n" % (len(part), draw(extensions), part) for part in (body[:at], body[at:])]
        trailers = b"".join(draw(st.lists(st.sampled_from([b"X: y\r\n", b"Upgrade: h2c\r\n", b"Accept: a/b\r\n"]))))
        body = b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"
    ordered = draw(st.permutations(lines))
    blank = draw(st.sampled_from([b"", b"", b"\r\n", b"\r\n\r\n"]))
    return blank + b"\r\n".join([b"POST /invocations HTTP/1.1", *ordered]) + b"\r\n\r\n" + body


@settings(max_examples=100, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 1000), max_size=6))
def test_requests_of_any_form_in_any_packets_have_one_answer_each(
    server: RunningServer, sent: list[bytes], cuts: list[int]
) -> None:
    content = b"".join(sent) + PING
    with server.connection() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        edges = [0, *sorted(cut % len(content) for cut in cuts), len(content)]
        for begin, end in pairwise(edges):
            connection.sendall(content[begin:end])
        assert [body for _, _, body in read_answers(connection)] == [SCORED] * len(sent) + [b""]
