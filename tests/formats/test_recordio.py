from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData, PayloadTooLarge
from forecastle.formats import recordio, recordio_writer
from tests.formats.record_message import frame, record_class

MEGABYTE = 1 << 20
RECORDS = {packed: record_class(packed) for packed in (True, False)}
KINDS = ("float32_tensor", "float64_tensor", "int32_tensor")


def _decode(body: bytes, width: int | None = None) -> Any:
    return recordio.decode(body, width=width, max_bytes=MEGABYTE).features


def _record(
    values: Any = (),
    keys: Any = (),
    shape: Any = (),
    kind: str = "float32_tensor",
    label: Any = (),
    packed: bool = True,
) -> Any:
    record = RECORDS[packed]()
    tensor = getattr(record.features["values"], kind)
    tensor.SetInParent()
    tensor.values.extend(values)
    tensor.keys.extend(keys)
    tensor.shape.extend(shape)
    if len(label):
        record.label["values"].float32_tensor.values.extend(label)
    return record


def _frame(*args: Any, **kwargs: Any) -> bytes:
    return frame(_record(*args, **kwargs).SerializeToString())


varints = st.integers(-(2**31), 2**31 - 1)
values_of = {
    "float32_tensor": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64_tensor": st.floats(-3e38, 3e38),
    "int32_tensor": varints,
}
unknown_fields = st.sampled_from([b"", b"\x30\x05", b"\x3a\x03abc", b"\x31" + b"8" * 8, b"\x35" + b"4" * 4])


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(KINDS), st.booleans(), st.integers(1, 200))
def test_what_protobuf_writes_is_read_as_protobuf_reads_it(data: Any, kind: str, packed: bool, width: int) -> None:
    frames, expected, labels, exact = [], [], [], []
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.dictionaries(st.integers(0, width - 1), values_of[kind], max_size=10))
        keys = sorted(row)
        sparse = len(keys) < width or data.draw(st.booleans())
        label = data.draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
        record = _record(
            [row[key] for key in keys],
            keys if sparse else [],
            [width] if sparse or data.draw(st.booleans()) else [],
            kind,
            [label],
            packed,
        )
        if data.draw(st.booleans()):
            record.uid = "row"
            record.features["other"].float32_tensor.values.append(1)
            record.label["other"].bytes.value.append(b"x")
        frames.append(frame(data.draw(unknown_fields) + record.SerializeToString() + data.draw(unknown_fields)))
        parsed = RECORDS[packed]()
        parsed.ParseFromString(record.SerializeToString())
        tensor = getattr(parsed.features["values"], kind)
        dense = np.zeros(width, np.float32)
        dense[list(tensor.keys) or slice(None) if sparse else slice(None)] = list(tensor.values) or 0
        expected.append(dense)
        exact.append(all(float(np.float32(value)) == value for value in tensor.values))
        labels.append(label)
    body = b"".join(frames)
    np.testing.assert_array_equal(_decode(body), np.array(expected))
    np.testing.assert_array_equal(recordio.decode(body, width=None, max_bytes=MEGABYTE).exact, exact)
    cut = data.draw(st.integers(0, len(body)))
    blocks = list(recordio.read([body[:cut], body[cut:]]))
    np.testing.assert_array_equal(np.concatenate([block.features for block in blocks]), np.array(expected))
    np.testing.assert_array_equal(np.concatenate([np.asarray(block.labels) for block in blocks]), labels)
    np.testing.assert_array_equal(np.concatenate([block.exact for block in blocks]), exact)


def test_numbers_in_several_packed_pieces_are_joined() -> None:
    record = _record([1, 2], kind="float64_tensor")
    more = _record([3], kind="float64_tensor", packed=False)
    tensors = [r.features["values"].float64_tensor.SerializeToString() for r in (record, more)]
    value = b"\x1a" + bytes([len(b"".join(tensors))]) + b"".join(tensors)
    entry = b"\x12" + bytes([len(value)]) + value + b"\x0a\x06values"  # the key comes last
    assert _decode(frame(b"\x0a" + bytes([len(entry)]) + entry)).tolist() == [[1, 2, 3]]


def test_dense_rows_may_be_followed_by_sparse_ones() -> None:
    body = _frame([1, 2, 3]) + _frame([5], [1], [3]) + _frame([7, 8, 9], shape=[3]) + _frame([], [], [3])
    assert _decode(body).tolist() == [[1, 2, 3], [0, 5, 0], [7, 8, 9], [0, 0, 0]]


MAGIC = bytes.fromhex("0a23d7ce")
ONE = _frame([1.0])


def _entry(tensor_tag: int, tensor: bytes, name: bytes = b"values") -> bytes:
    value = bytes([tensor_tag, len(tensor)]) + tensor
    entry = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(value)]) + value
    return b"\x0a" + bytes([len(entry)]) + entry


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "byte 0: expected a record, got nothing."),
        (ONE + b"junk", "byte 28: expected a frame, which begins with 0xced7230a, got 0x6b6e756a"),
        (ONE + b"1,2\n3,4\n", "byte 28: expected a frame, which begins with 0xced7230a, got 0x0a322c31"),
        (ONE + MAGIC[:3], "byte 28: expected 5 more bytes of a frame, got the end"),
        (ONE + MAGIC + b"\x05\0\0", "byte 28: expected 1 more bytes of a frame, got the end"),
        (ONE + ONE[:-1], "byte 28: expected 1 more bytes of a frame, got the end"),
        (ONE + MAGIC + b"\xff\0\0\0" + ONE[8:], "byte 28: expected 236 more bytes of a frame, got the end"),
        (ONE + MAGIC + b"\x04\0\0\x20aaaa", "byte 28: expected a frame with a whole record, got one with the continua"),
        (ONE + MAGIC + b"\0\0\0\x1f", "byte 28: expected a record of at most 67108864 bytes, got one of 520093696"),
        (ONE + MAGIC + bytes(4), 'byte 36: expected a tensor under features["values"], got none'),
        (ONE + frame(b"\x0a\xff"), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(b"\x0a\x05abc"), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(b"\x18" + b"\xff" * 11), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(b"\x0f\x00"), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(b"\x00\x00"), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(b"\x1d\x00"), "byte 36: expected a protocol buffers message, got other bytes"),
        (ONE + frame(_entry(18, b"\x0a\x05abcde")), "byte 50: expected a protocol buffers message"),
        (ONE + frame(_entry(58, b"\x0a\x02\x01\xff")), "byte 50: expected a protocol buffers message"),
        (ONE + frame(_entry(18, b"\x12\x01\xff")), "byte 50: expected a protocol buffers message"),
        (ONE + frame(_entry(18, b"\x08\x01")), "byte 50: expected at least one value, got none"),
        (
            ONE + frame(_entry(18, b"\x0a\x04abcd", b"other")),
            'byte 36: expected a tensor under features["values"], got',
        ),
        (ONE + frame(_entry(18, b"\x0a\x04abcd") * 2), 'byte 36: expected one tensor under features["values"], got 2'),
        (ONE + frame(_entry(74, b"\x0a\x01x")), "byte 50: expected a tensor of numbers under"),
        (ONE + _frame([]), "byte 50: expected at least one value, got none"),
        (ONE + _frame([1, 2]), "byte 36: expected 1 column(s), got 2"),
        (_frame([1, np.nan]), "byte 22: expected numbers in the range of float32, got another one in column 2"),
        (_frame([np.inf]), "byte 22: expected numbers in the range of float32, got another one in column 1"),
        (
            _frame([1e39], kind="float64_tensor"),
            "byte 22: expected numbers in the range of float32, got another one in column 1",
        ),
        (_frame([1], [0]), "byte 22: expected a shape of one number, the number of columns, got 0 numbers"),
        (_frame([1], [0], [2, 2]), "byte 22: expected a shape of one number, the number of columns, got 2 numbers"),
        (_frame([], [], [2**64 - 1]), "byte 22: expected a shape from 1 to 2147483647, got -1"),
        (_frame([1], [0], [0]), "byte 22: expected a shape from 1 to 2147483647, got 0"),
        (
            _frame([1, 2], [], [3]),
            "byte 22: expected as many values as keys, or as the shape if there are no keys, got 2",
        ),
        (_frame([1, 2], [1], [3]), "byte 22: expected as many values as keys"),
        (_frame([1, 2], [1, 0], [3]), "byte 22: expected keys that ascend within the shape, each once, got 0 after 1"),
        (_frame([1, 2], [1, 1], [3]), "byte 22: expected keys that ascend within the shape, each once, got 1 after 1"),
        (_frame([1], [3], [3]), "byte 22: expected keys that ascend within the shape, each once, got 3 after -1"),
        (_frame([1], label=[1, 2]), 'byte 42: expected one finite number under label["values"]'),
    ],
)
def test_an_error_names_record_and_byte(body: bytes, sentence: str) -> None:
    record = 2 if body.startswith(ONE) else 1
    with pytest.raises(InvalidData) as error:
        _decode(body)
    assert error.value.sentence.startswith(f"record {record}, {sentence}" if body else sentence)
    with pytest.raises(InvalidData) as streamed:
        list(recordio.read([body[:7], body[7:33], body[33:]]))
    assert streamed.value.sentence == error.value.sentence


def test_the_wrong_width_is_refused() -> None:
    with pytest.raises(InvalidData, match=r"^record 1, byte 8: expected 3 column\(s\), got 1.$"):
        _decode(ONE, width=3)


def test_labels_must_be_there_for_all_records_or_for_none() -> None:
    with pytest.raises(InvalidData, match=r"^record 3: expected a label, as in the previous records, got none.$"):
        list(recordio.read([_frame([1], label=[0]) * 2, ONE]))
    with pytest.raises(InvalidData, match=r"^record 2: expected no label, as in the previous records, got one.$"):
        list(recordio.read([ONE + _frame([1], label=[0])]))


def test_sparse_rows_grow_no_further_than_allowed() -> None:
    with pytest.raises(PayloadTooLarge, match="at most 1048576 bytes"):
        _decode(_frame([1], [0], [2**31 - 1]))


def test_sparse_rows_of_a_file_come_in_blocks_of_bounded_size() -> None:
    width, rows = 10_000, 4000
    body = recordio_writer.write_sparse(np.ones(rows), np.arange(rows), np.arange(1, rows + 1), width)
    sizes: list[int] = []
    for block in recordio.read([body]):
        first = sum(sizes)
        assert block.features.nbytes <= 64 << 20
        np.testing.assert_array_equal(np.nonzero(block.features)[1], np.arange(first, first + len(block.features)))
        sizes.append(len(block.features))
    assert sum(sizes) == rows
