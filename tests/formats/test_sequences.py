"""Sequences of int32 in RecordIO-protobuf, against protobuf's own library."""

from typing import Any

import numpy as np
import pytest

from forecastle.contract.errors import InvalidData
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from tests.formats.record_message import frame, record_class

PAIRS = [([5, 6, 7], [8]), ([], [2147483647, -1]), ([4] * 300, []), ([0], [4, 5])]


def message(packed: bool = True, tensor: str = "int32_tensor", **named: list[Any]) -> bytes:
    record = record_class(packed)()
    for name, values in named.items():
        getattr(record.features[name], tensor).values.extend(values)
    return bytes(record.SerializeToString(deterministic=True))


def body(packed: bool = True) -> bytes:
    return b"".join(frame(message(packed, source=source, target=target)) for source, target in PAIRS)


def listed(found: tuple[Sequences, ...]) -> list[tuple[list[int], ...]]:
    return [tuple(each[row].tolist() for each in found) for row in range(len(found[0]))]


@pytest.mark.parametrize("packed", [True, False])
def test_what_protobuf_writes_is_read_in_pieces_of_any_size(packed: bool) -> None:
    data = body(packed)
    assert listed(sequences.decode(data, ("source", "target"))) == PAIRS
    assert listed(sequences.decode(data, ("target",))) == [(target,) for _, target in PAIRS]
    for size in (1, 7, 100):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert listed(sequences.joined(list(sequences.read(chunks, ("source", "target"))))) == PAIRS


def test_protobuf_reads_what_is_written() -> None:
    written = sequences.write(
        source=Sequences.of([source for source, _ in PAIRS]), target=Sequences.of([target for _, target in PAIRS])
    )
    assert listed(sequences.decode(written, ("source", "target"))) == PAIRS
    position = 0
    for source, target in PAIRS:
        length = int.from_bytes(written[position + 4 : position + 8], "little")
        record = record_class().FromString(written[position + 8 : position + 8 + length])
        assert list(record.features["source"].int32_tensor.values) == source
        assert list(record.features["target"].int32_tensor.values) == target
        position += 8 + (length + 3) // 4 * 4
    assert position == len(written)


def test_a_sequence_is_a_view_of_its_values() -> None:
    found = Sequences.of([[1, 2], [], [3]])
    assert [found[row].tolist() for row in range(len(found))] == [[1, 2], [], [3]]
    assert found.lengths.tolist() == [2, 0, 1]
    assert found.values.dtype == np.int32


GOOD = frame(message(source=[1], target=[2]))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "byte 0: expected a record, got nothing."),
        (
            GOOD + frame(message(source=[1])),
            'record 2, byte 52: expected a tensor of integers under features["target"], got none.',
        ),
        (
            frame(message(tensor="float32_tensor", source=[1.0], target=[2.0])),
            'record 1, byte 22: expected int32 values under features["source"], got another type.',
        ),
        (GOOD + b"source", "record 2, byte 44: expected a frame, which begins with 0xced7230a, got 0x72756f73."),
        (GOOD + GOOD[:-4], "record 2, byte 44: expected 4 more bytes of a frame, got the end."),
        (frame(b"\x0a\xff"), "record 1, byte 8: expected a protocol buffers message, got other bytes."),
    ],
)
def test_an_error_has_its_record_and_byte(data: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as raised:
        sequences.decode(data, ("source", "target"))
    assert raised.value.sentence == sentence


def test_a_number_beyond_int32_is_refused() -> None:
    large = b"\x0a\x13\x0a\x06source\x12\x09\x3a\x07\x0a\x05\x80\x80\x80\x80\x08"  # 2^31 as a varint
    with pytest.raises(
        InvalidData, match=r"^record 1, byte \d+: expected integers in the range of int32 .*, got 2147483648"
    ):
        sequences.decode(frame(large), ("source",))
