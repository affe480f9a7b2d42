"""The memory that a JSON document takes."""

import tracemalloc

import orjson
import pytest

from forecastle.contract.errors import PayloadTooLarge
from forecastle.formats.json_size import BYTES_READ_AT_MOST, bytes_read, require_readable

HINT = "send less"


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b"[]",
        b"1.5",
        b'"ab"',
        b'{"a":1.5}',
        b"[[],[1000]]",
        b'{"start":"2009","target":[1.5,2.5]}',
        b'{"start":"2009-11-01 00:00:00","target":[],"cat":[0],"dynamic_feat":[[]],"id":"a"}',
    ],
)
def test_reading_a_body_takes_no_more_than_was_reckoned(value: bytes) -> None:
    body = b"[" + b",".join([value] * 10_000) + b"]"
    tracemalloc.start()
    try:
        document = orjson.loads(body)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(document) == 10_000
    assert taken <= bytes_read(body) <= len(body) * BYTES_READ_AT_MOST


def test_a_body_of_more_values_than_the_memory_holds_is_refused_unread() -> None:
    body = b'{"instances": [' + b"{}," * 400_000 + b"{}]}"
    with pytest.raises(PayloadTooLarge, match=r"^Body: expected values that fit 0\.05 GB .* got 1200019 bytes, "):
        require_readable(body, HINT, free=100_000_000)
    require_readable(body, HINT, free=240_000_000)
    require_readable(b"[" + b"12.3456," * 400_000 + b"1]", HINT, free=100_000_000)
