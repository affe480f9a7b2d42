from typing import Any

import pytest

from forecastle.contract.errors import InvalidData
from forecastle.formats import json, json_lines
from tests.formats.json_messages import TRAILING_COMMA

MEGABYTE = 1 << 20


def _decode(body: bytes, width: int | None = None) -> Any:
    return json_lines.decode(body, width=width, max_bytes=MEGABYTE).features


@pytest.mark.parametrize(
    "body",
    [
        b'{"features": [1, 2]}\n{"features": [3, 4]}\n',
        b'{"features": [1, 2]}\r\n{"features": [3, 4]}',
        b'\n{"features": [1, 2]}\n \n{"data": {"features": {"values": [3, 4]}}}\n\n',
    ],
)
def test_plain_lines_are_read_by_the_kernel_and_without_it_alike(body: bytes) -> None:
    assert json.scan(body, lines=True, width=None, max_bytes=MEGABYTE) is not None
    assert _decode(body).tolist() == [[1, 2], [3, 4]]
    assert _decode(body.replace(b"{", b'{"id": "a", ', 1), width=2).tolist() == [[1, 2], [3, 4]]


def test_sparse_lines_are_read() -> None:
    line = b'{"data": {"features": {"keys": [1], "shape": [3], "values": [5]}}}\n'
    assert _decode(line * 2).tolist() == [[0, 5, 0], [0, 5, 0]]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "line 1: expected an instance, got nothing."),
        (b" \n\n", "line 1: expected an instance, got nothing."),
        (b'\n{"features": [1]}\n{"features": ["a"]}\n', 'line 3: instance.features[0]: expected a number, got "a".'),
        (
            b'{"features": [1]}\n{"features": [1,]}\n',
            TRAILING_COMMA,
        ),
        (b'{"features": [1]}\n{"features": [1, 2]}\n', "line 2: instance.features: expected 1 column, got 2."),
        (b'{"features": [1]}{"features": [1]}\n', "line 1, column 18: expected valid JSON, got '{' (extra data)."),
        (b'{"features":\n[1]}\n', "line 1, column 13: expected valid JSON, got nothing (expecting value)."),
        (b"[1]\n", "line 1: instance: expected an object, got a list."),
        (b'{"features": [1]}\n\xff\n', "byte 18: expected text in UTF-8, got another encoding."),
    ],
)
def test_an_error_names_its_line(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as error:
        _decode(body)
    assert error.value.sentence == sentence
