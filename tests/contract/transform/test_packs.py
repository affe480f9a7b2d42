"""Files split into records, and records in packs."""

import csv
import io
import struct
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData
from forecastle.contract.transform.packs import START, Limit, Pack, Position, alone, packs
from forecastle.contract.transform.split import SPLITS, Lines, Split

CELLS = st.text(st.sampled_from('a1,"\n '), max_size=6)


def found(
    content: bytes,
    split: Split,
    size: int | None,
    most: int | None = None,
    at: Position = START,
    tolerant: bool = False,
) -> list[Pack]:
    file = io.BytesIO(content)
    file.seek(at.offset)
    return [*packs(file, split, Limit(size, most, "the limit"), at, tolerant=tolerant)]


def frame(body: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(body)) + body + bytes(-len(body) % 4)


def tf_frame(body: bytes) -> bytes:
    return struct.pack("<QI", len(body), 0) + body + b"crc."


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1, max_size=12), st.integers(1, 60))
def test_packs_of_csv_have_whole_rows_and_go_on_from_any_pack(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    one_by_one = found(content, Lines(quoted=True), size)
    read = [row for pack in one_by_one for row in csv.reader(io.StringIO(pack.body.decode(), newline=""))]
    assert read == rows
    assert sum(pack.count for pack in one_by_one) == len(rows)
    longest = max(len(record) for pack in one_by_one for _, record in pack.records())
    assert all(len(pack.body) <= max(size, 2 * longest) + 1 for pack in one_by_one)
    for before, after in pairwise(one_by_one):
        again = found(content, Lines(quoted=True), size, at=before.end)
        assert [each.body for each in again][:1] == [after.body]
        assert again[-1].end == one_by_one[-1].end


@pytest.mark.parametrize(("name", "framed"), [("RecordIO", frame), ("TFRecord", tf_frame)])
@pytest.mark.parametrize("size", [1, 20, 1000])
def test_packs_of_frames_have_whole_frames(name: str, framed: object, size: int) -> None:
    assert callable(framed)
    frames = [framed(b"x" * length) for length in (0, 3, 40, 4)]
    one_by_one = found(b"".join(frames), SPLITS[name], size)
    assert [record for pack in one_by_one for record in pack.records()] == [*enumerate(frames, 1)]
    with pytest.raises(InvalidData, match=f"record 4: expected a {name} header and a complete record"):
        found(b"".join(frames)[:-1], SPLITS[name], size)


def test_records_keep_the_numbers_of_their_lines() -> None:
    content = b'\n1\n\r\n  \n"2\n2"\n3'
    (pack,) = found(content, Lines(quoted=True), 100)
    assert (pack.body, pack.count) == (b'1\n"2\n2"\n3\n', 3)
    assert pack.records() == [(2, b"1\n"), (5, b'"2\n2"\n'), (7, b"3\n")]
    assert [(each.body, each.begin.number) for each in alone([pack])] == [(b"1\n", 2), (b'"2\n2"\n', 5), (b"3\n", 7)]
    assert found(b"\n \n", Lines(), 1) == []


def test_a_record_may_be_larger_than_a_pack_and_not_than_the_limit() -> None:
    content = b"1\n" + b"2" * 50 + b"\n3\n"
    assert [pack.body for pack in found(content, Lines(), 8)] == [b"1\n", b"2" * 50 + b"\n3\n"]
    with pytest.raises(InvalidData, match=r"line 2 has 51 bytes, and the limit allows 40\."):
        found(content, Lines(), 8, 40)
    with pytest.raises(InvalidData, match=r"record 1 has 55 bytes, and the limit allows 40\."):
        found(content, SPLITS["None"], 40, 40)
    assert [pack.body for pack in found(content, SPLITS["None"], None)] == [content]


def test_a_file_may_have_as_many_bytes_as_the_limit_allows() -> None:
    assert [pack.body for pack in found(b"1234", SPLITS["None"], 4, 4)] == [b"1234"]


@given(st.text(st.sampled_from('a1,"\n'), max_size=60).map(str.encode))
def test_quotes_in_csv_join_lines_as_in_python(content: bytes) -> None:
    kept = found(content, Lines(quoted=True), 8, 1000, tolerant=True)
    if not any(pack.fault for pack in kept):
        records = [record.decode() for pack in kept for _, record in pack.records()]
        rows = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
        assert [[*csv.reader(io.StringIO(record, newline=""))] for record in records] == [[row] for row in rows]


OPEN = b'1,"5\n'
CASES = {
    "csv": (
        Lines(quoted=True),
        [b'\xef\xbb\xbf"1\n1"\n', b'"2\n2"\n', b'5" 3\n', b"4" * 90 + b"\n", OPEN, b"6\n", b"7"],
    ),
    "lines": (Lines(), [b"1\n", b"2" * 90 + b"\n", b"3\n", b"4" * 90]),
    "RecordIO": (SPLITS["RecordIO"], [frame(b"x" * size) for size in (1, 90, 3, 99)]),
    "TFRecord": (SPLITS["TFRecord"], [tf_frame(b"x" * size) for size in (1, 90, 3, 99)]),
    "None": (SPLITS["None"], [b"1" * 90]),
}


@pytest.mark.parametrize(("split", "records"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 8, 40])
def test_what_cannot_be_sent_is_left_out_and_the_rest_goes_on(split: Split, records: list[bytes], size: int) -> None:
    content = b"".join(records)
    bad = [record for record in records if len(record) > 40 or record == OPEN]
    kept = found(content, split, size, 40, tolerant=True)
    sent = b"".join(pack.body for pack in kept)
    assert sent.splitlines() == b"".join(record for record in records if record not in bad).splitlines()
    assert [(content[pack.begin.offset : pack.end.offset], pack.raw, pack.fault) for pack in kept if pack.fault] == [
        (record, record, "opens a double quote that is not closed.")
        if record == OPEN
        else (record, b"", f"has {len(record)} bytes, and the limit allows 40.")
        for record in bad
    ]
    for number, pack in enumerate(kept, 1):
        again = found(content, split, size, 40, at=pack.end, tolerant=True)
        assert [(each.raw, each.end, each.fault) for each in again] == [
            (each.raw, each.end, each.fault) for each in kept[number:]
        ]


def test_a_quote_that_is_not_closed_is_reported_with_its_line() -> None:
    with pytest.raises(InvalidData, match=r"line 3 opens a double quote that is not closed\."):
        found(b'1\n"2"\n"3\n4\n', Lines(quoted=True), 100, 200)
    (_, fault, _) = found(b'1\n"2\n' + b"3\n" * 40, Lines(quoted=True), 16, 16, tolerant=True)[:3]
    assert (fault.begin.number, fault.fault) == (2, "opens a double quote that is not closed within 16 bytes.")


def test_a_long_line_takes_little_memory(tmp_path: Path) -> None:
    size = 64 << 20
    with (tmp_path / "long.csv").open("wb+") as file:
        file.seek(size)  # before which the disk has zeros
        file.write(b"\n1\n")
        file.seek(0)
        tracemalloc.start()
        try:
            limit = Limit(1 << 16, 1 << 20, "the limit")
            long, short = packs(file, Lines(quoted=True), limit, tolerant=True)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
    assert (long.end, short.body) == (Position(size + 1, 2), b"1\n")
