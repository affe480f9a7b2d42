import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData, PayloadTooLarge, UnsupportedMediaType, UserError
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats import recordio_writer, rows

TABLE = np.array([[1.5, 2.0], [-3.0, 4000.0]], np.float32)
BODIES = {
    CSV: b"1.5,2\n-3,4e3\n",
    JSON: b'{"instances": [{"features": [1.5, 2]}, {"data": {"features": {"values": [-3, 4e3]}}}]}',
    JSON_LINES: b'{"features": [1.5, 2]}\n{"data": {"features": {"values": [-3, 4e3]}}}\n',
    RECORDIO: recordio_writer.write_dense(TABLE),
}


def _decode(body: bytes, content_type: str, width: int | None = None, **options: Any) -> Any:
    return rows.decode_rows(body, MediaType.parse(content_type), width=width, **options).features


def _read(body: bytes, content_type: str | None, **options: Any) -> Any:
    parsed = None if content_type is None else MediaType.parse(content_type)
    blocks = list(rows.read_rows(io.BytesIO(body), parsed, **options))
    labels = [block.labels for block in blocks if block.labels is not None]
    return np.concatenate([block.features for block in blocks]), np.concatenate(labels) if labels else None


@pytest.mark.parametrize("content_type", rows.REQUEST_TYPES)
def test_a_request_of_each_type_gives_the_same_rows(content_type: str) -> None:
    for width in (None, 2):
        decoded = _decode(BODIES[content_type], content_type, width)
        assert decoded.dtype == np.float32
        assert decoded.flags.c_contiguous
        np.testing.assert_array_equal(decoded, TABLE)


@pytest.mark.parametrize("content_type", rows.REQUEST_TYPES)
def test_an_empty_request_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidData, match="got nothing"):
        _decode(b"", content_type)


@pytest.mark.parametrize("content_type", rows.REQUEST_TYPES)
def test_the_wrong_width_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidData, match=r"expected 3 column.*, got 2"):
        _decode(BODIES[content_type], content_type, 3)


@pytest.mark.parametrize("content_type", rows.REQUEST_TYPES)
def test_gzip_that_was_not_announced_is_recognised(content_type: str) -> None:
    with pytest.raises(InvalidData, match=r"byte 0: .* got gzip data: send it uncompressed"):
        _decode(gzip.compress(BODIES[content_type]), content_type)


@pytest.mark.parametrize("content_type", [CSV, JSON, JSON_LINES])
def test_another_charset_is_refused(content_type: str) -> None:
    np.testing.assert_array_equal(_decode(BODIES[content_type], f"{content_type}; charset=UTF-8"), TABLE)
    with pytest.raises(UnsupportedMediaType, match="expected charset=utf-8, got charset=utf-16"):
        _decode(BODIES[content_type], f"{content_type}; charset=utf-16")


def test_another_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"Content-Type: expected one of text/csv, .*, got text/plain"):
        _decode(b"1", "text/plain")


def test_a_request_may_say_that_it_has_no_label() -> None:
    np.testing.assert_array_equal(_decode(BODIES[CSV], "text/csv; label_size=0"), TABLE)
    with pytest.raises(InvalidData, match=r"expected label_size=0.*got label_size=1"):
        _decode(BODIES[CSV], "text/csv; label_size=1")
    with pytest.raises(InvalidData, match="expected label_size=0 or label_size=1, got label_size=x"):
        _decode(BODIES[CSV], "text/csv; label_size=x")


def test_what_sparse_rows_become_is_bounded() -> None:
    body = recordio_writer.write_sparse(np.ones(1), np.zeros(1), np.ones(1), 1000)
    assert _decode(body, RECORDIO, max_bytes=4000).shape == (1, 1000)
    with pytest.raises(PayloadTooLarge, match="at most 3999 bytes"):
        _decode(body, RECORDIO, max_bytes=3999)


@pytest.mark.parametrize("content_type", [None, CSV, "text/csv;label_size=0"])
def test_a_csv_file_is_read(content_type: str | None) -> None:
    features, labels = _read(BODIES[CSV], content_type, block_bytes=4)
    np.testing.assert_array_equal(features, TABLE)
    assert labels is None


def test_a_label_column_is_split_off() -> None:
    for content_type, default in (("text/csv;label_size=1", 0), ("text/csv", 1), (None, 1)):
        features, labels = _read(BODIES[CSV], content_type, default_label_size=default)
        np.testing.assert_array_equal(features, TABLE[:, 1:])
        np.testing.assert_array_equal(labels, TABLE[:, 0])


@pytest.mark.parametrize("content_type", [None, RECORDIO])
def test_a_recordio_file_is_read(content_type: str | None) -> None:
    body = recordio_writer.write_dense(TABLE, np.array([0.0, 1.0]))
    features, labels = _read(body, content_type, block_bytes=5)
    np.testing.assert_array_equal(features, TABLE)
    np.testing.assert_array_equal(labels, [0, 1])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (gzip.compress(b"1\n", mtime=0), "gzip data"),
        (b"PAR1....", "a Parquet file"),
        (b"PK\x03\x04..", "a zip archive"),
        (b'{"instances": []}', "JSON"),
        (b'[{"prefix": "x"}]', "JSON"),
        (b"\x93NUMPY\x01", "a NumPy array"),
    ],
)
def test_a_file_of_another_kind_is_recognised(body: bytes, what: str) -> None:
    for content_type in (None, CSV, RECORDIO):
        with pytest.raises(InvalidData, match=f"byte 0: expected .*, got {what}"):
            _read(body, content_type)


def test_recordio_that_is_called_csv_is_recognised() -> None:
    with pytest.raises(InvalidData, match="byte 0: expected text/csv, got application/x-recordio-protobuf"):
        _read(BODIES[RECORDIO], CSV)
    with pytest.raises(InvalidData, match="byte 0: expected text/csv, got application/x-recordio-protobuf"):
        _decode(BODIES[RECORDIO], CSV)


def test_a_file_of_another_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="expected one of text/csv, application/x-recordio-protobuf"):
        _read(b"1\n", "application/x-parquet")


@pytest.mark.parametrize("content_type", [None, CSV, RECORDIO])
def test_an_empty_file_is_refused(content_type: str | None) -> None:
    with pytest.raises(InvalidData, match="got nothing"):
        _read(b"", content_type)


SEEDS = [
    *BODIES.values(),
    recordio_writer.write_sparse(np.array([1, 2]), np.array([3, 299]), np.array([1, 2]), 300, np.array([0, 1])),
    b'{"instances":[{"data":{"features":{"keys":[0,3],"shape":[5],"values":[1,-2.5e-3]}}}]}',
    b'"1.25", +3e5 \r\n.5,00000000000000000000000000000.1234567890123456789e-7\r\n\r\n',
]
PIECES = [b"", b"\xff", b"\x00", b"\x80", b'"', b"{", b"}", b"[", b"]", b",", b":", b".", b"e", b"-", b"\n", b"9" * 30]
edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with some bytes replaced, taken out or put in, and perhaps cut off."""
    body = draw(st.sampled_from(SEEDS))
    for at, length, piece in draw(edits):
        at %= len(body) + 1
        body = body[:at] + piece + body[at + length :]
    return body[: draw(st.integers(0, 400))]


@settings(deadline=None, max_examples=600)
@given(st.one_of(mutated(), st.binary(max_size=200)), st.sampled_from([None, 2]))
def test_whatever_comes_is_decoded_or_refused_as_the_users_fault(body: bytes, width: int | None) -> None:
    for content_type in rows.REQUEST_TYPES:
        _require_finite_or_a_sentence(partial(_decode, body, content_type, width, max_bytes=1 << 16))
    for content_type in rows.FILE_TYPES:
        _require_finite_or_a_sentence(partial(_read_features, body, content_type))


def _read_features(body: bytes, content_type: str) -> Any:
    return _read(body, content_type, block_bytes=16)[0]


def _require_finite_or_a_sentence(decode: Callable[[], Any]) -> None:
    sentence = None
    try:
        decoded = decode()
    except UserError as error:
        sentence = error.sentence
    if sentence is None:
        assert len(decoded)
        assert np.isfinite(decoded).all()
    else:
        assert sentence.endswith("?" if ": did you mean " in sentence else ".")
        assert "\n" not in sentence


def test_a_module_with_a_format_is_all_that_a_content_type_takes(tmp_path: Path) -> None:
    (tmp_path / "semicolons.py").write_text(
        "from forecastle.formats import csv\n"
        "from forecastle.formats.format import Format\n"
        "def decode(body, content_type, *, width, max_bytes):\n"
        "    return csv.decode(body.replace(b';', b','), width=width)\n"
        "FORMAT = Format('text/x-semicolons', decode)\n"
    )
    program = (
        "import sys, forecastle.formats\n"
        "forecastle.formats.__path__.append(sys.argv[1])\n"
        "from forecastle.contract.media_type import MediaType\n"
        "from forecastle.formats import rows\n"
        "block = rows.decode_rows(b'1;2\\n3;4\\n', MediaType.parse('text/x-semicolons'), width=2)\n"
        "print(block.features.tolist(), rows.REQUEST_TYPES[-1], len(rows.FILE_TYPES))\n"
    )

    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)

    assert done.stdout == "[[1.0, 2.0], [3.0, 4.0]] text/x-semicolons 2\n"
