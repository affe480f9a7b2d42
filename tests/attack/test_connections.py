"""A client that behaves at random: one request, one answer; the loop is not blocked; memory is returned."""

import itertools
from dataclasses import dataclass

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.attack.raw_client import exchange, leave, require_calm, require_level, resident_bytes
from tests.serving.running_server import RunningServer

RUNS = 150
SMUGGLED = b"GET /execution-parameters HTTP/1.1\r\nHost: a\r\nX-Request-Id: smuggled\r\n\r\n"

# Paths with what is answered to a body of numbers, and to another.
TARGETS = [
    ("POST", "/invocations", 200, 400),
    ("POST", "/endpoints/any/invocations", 200, 424),
    ("GET", "/ping", 200, 200),
    ("POST", "/ping", 200, 200),
    ("HEAD", "/ping", 200, 200),
    ("GET", "/metrics", 200, 200),
    ("POST", "/nowhere", 404, 404),
    ("PUT", "/invocations", 405, 405),
    ("OPTIONS", "/ping", 405, 405),
]
BODIES = st.sampled_from([b"1,2\n", b"1,2\n" * 3000, SMUGGLED, b"", b"\r\n\r\n", b"0\r\n\r\n" + SMUGGLED])
OFFERS = st.sampled_from(
    [
        b"",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n",
        b"connection: keep-alive, Upgrade\r\nupgrade: TLS/1.2, anything/9\r\n",
        b"Upgrade: h2c\r\n",
    ]
)
ASIDES = st.sampled_from(
    [
        b"",
        b"Accept: application/json\r\n",
        b"X-Amzn-SageMaker-Custom-Attributes: any=thing\r\n",
        b"Expect: 100-continue\r\n",
        b"X-Odd: \t \xe9\xff \r\n",
        b"X-Many: 1\r\n" * 200,
        b"Referer: " + b"x" * 20_000 + b"\r\n",
    ]
)
TRAILERS = st.sampled_from([b"", b"X-Trailer: 1\r\n", b"X-Trailer: " + b"y" * 5000 + b"\r\n", b"X-T: 1\r\n" * 100])


@dataclass(frozen=True)
class Request:
    """The bytes of a request, and the status of its answer."""

    method: str
    status: int
    content: bytes


@st.composite
def requests(draw: st.DrawFn, name: str, last: bool) -> Request:
    method, path, good, bad = draw(st.sampled_from(TARGETS))
    body = draw(BODIES)
    numbers = body.startswith(b"1,2") and method == "POST"
    offer = draw(OFFERS)
    if last:
        offer = (
            offer.replace(b"onnection: ", b"onnection: close, ") if b"onnection" in offer else b"Connection: close\r\n"
        )
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nX-Request-Id: {name}\r\n".encode()
    head += offer + draw(ASIDES)
    content = draw(chunked(body)) if draw(st.booleans()) else b"Content-Length: %d\r\n\r\n" % len(body) + body
    return Request(method, good if numbers or good == bad else bad, head + content)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """The body in chunks, with extensions and trailers, and what comes between it and the other headers."""
    cuts = sorted(draw(st.lists(st.integers(1, max(1, len(body) - 1)), max_size=6, unique=True)))
    pieces = [body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)])]
    extension = draw(st.sampled_from([b"", b";a", b';a="b"', b";" + b"e" * 2000]))
    parts = [b"Transfer-Encoding: chunked\r\n\r\n"]
    parts += [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces if piece]
    return b"".join([*parts, b"0" + extension + b"\r\n", draw(TRAILERS), b"\r\n"])


@st.composite
def conversations(draw: st.DrawFn) -> list[Request]:
    """Some requests on one connection; the last one asks to close it."""
    count = draw(st.integers(1, 4))
    return [draw(requests(f"n-{number}", number == count - 1)) for number in range(count)]


@st.composite
def packets(draw: st.DrawFn, content: bytes) -> list[bytes]:
    """The same bytes, split in a few places, or some of them one by one."""
    cuts = draw(st.lists(st.integers(1, max(1, len(content) - 1)), max_size=7, unique=True))
    if draw(st.booleans()):  # where a parser changes its state
        cuts += [place + 4 for place in _ends(content)]
    if draw(st.integers(0, 9)) == 0:
        begin = draw(st.integers(0, len(content) - 1))
        cuts += range(begin, min(begin + 60, len(content)))
    places = sorted({cut for cut in cuts if 0 < cut < len(content)})
    return [content[start:stop] for start, stop in zip([0, *places], [*places, len(content)])]


def _ends(content: bytes) -> list[int]:
    found, place = [], content.find(b"\r\n\r\n")
    while place >= 0:
        found.append(place)
        place = content.find(b"\r\n\r\n", place + 1)
    return found


ORDINARY = settings(
    max_examples=RUNS,
    deadline=None,  # the time is the server's and the host's
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@ORDINARY
@given(data=st.data())
def test_one_request_has_one_answer(server: RunningServer, data: st.DataObject) -> None:
    conversation = data.draw(conversations())
    pieces = data.draw(packets(b"".join(request.content for request in conversation)))
    event(f"{len(conversation)} requests")
    found = exchange(server, pieces, [request.method for request in conversation])
    assert [answer.name for answer in found] == [f"n-{number}" for number in range(len(conversation))]
    assert [answer.status for answer in found] == [request.status for request in conversation]
    assert found[-1].headers["connection"] == "close"


@ORDINARY
@given(data=st.data())
def test_a_client_that_leaves_early_leaves_nothing_behind(server: RunningServer, data: st.DataObject) -> None:
    content = b"".join(request.content for request in data.draw(conversations()))
    sent = content[: data.draw(st.integers(0, len(content)))]
    leave(server, data.draw(packets(sent)) if len(sent) > 1 else [sent], abruptly=data.draw(st.booleans()))


@ORDINARY
@given(junk=st.binary(min_size=1, max_size=300), begin=st.sampled_from([b"", b"POST ", b"GET /ping HTTP/1.1\r\n"]))
def test_bytes_that_are_not_a_request_get_at_most_one_answer(server: RunningServer, junk: bytes, begin: bytes) -> None:
    end = b"\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n"  # whatever it is taken for, it ends
    statuses = [answer.status for answer in exchange(server, [begin + junk, end])]
    assert set(statuses) <= {200, 307, 400, 404, 405}
    assert len(statuses) <= 2


def test_memory_returns_to_its_level(server: RunningServer) -> None:
    head = b"Host: a\r\nContent-Type: text/csv\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    numbers, refused = b"1,2\n" * 20_000, b"x" * 2**22
    contents = [
        (200, b"POST /invocations HTTP/1.1\r\n" + head % len(numbers) + numbers),
        (400, b"POST /invocations HTTP/1.1\r\n" + head % len(refused) + refused),
        (404, b"POST /nowhere HTTP/1.1\r\n" + head % len(refused) + refused),
    ]

    def rounds(count: int) -> None:
        for (status, content), number in itertools.product(contents, range(count)):
            assert [answer.status for answer in exchange(server, [content])] == [status]
            leave(server, [content], abruptly=bool(number % 2))
            leave(server, [content[: len(content) // 2]], abruptly=bool(number % 2))

    rounds(3)
    before = resident_bytes(server)
    rounds(10)
    require_calm(server)
    require_level(server, before, slack=48 * 2**20)
