import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidData
from forecastle.formats import csv

TABLE = [[1.5, 2.0], [-3.0, 4000.0]]


@pytest.mark.parametrize(
    "body",
    [
        b"1.5,2\n-3,4e3\n",
        b"1.5,2\n-3,4e3",
        b"1.5,2\r\n-3,4e3\r\n",
        b"1.5,2\n-3,4e3\n\n",
        b"1.5,2\r\n-3,4e3\r\n \r\n\t\n",
        b"\xef\xbb\xbf1.5,2\n-3,4e3\n",
        b"  1.5 ,\t2 \n -3,4e3 ",
        b'"1.5","2"\n"-3", "4e3"\n',
        b"+1.5,02.\n-3.0,.4E+4\n",
    ],
)
def test_rows_are_read(body: bytes) -> None:
    np.testing.assert_array_equal(csv.decode(body).features, np.array(TABLE, np.float32))
    np.testing.assert_array_equal(csv.decode(body, width=2).features, np.array(TABLE, np.float32))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "row 1: expected numbers, got nothing."),
        (b"\n\n", "row 1: expected numbers, got nothing."),
        (b"timestamp\n1\n", "row 1, column 1: expected a number, got 'timestamp': a header row is not expected."),
        (b'"value",x\n1,2\n', "row 1, column 1: expected a number, got '\"value\"': a header row is not expected."),
        (b"1,2\n3,abc\n", "row 2, column 2: expected a number, got 'abc'."),
        (b"1,2\n3, a b \n", "row 2, column 2: expected a number, got 'a b'."),
        (b"1,2\n3,4x\n", "row 2, column 2: expected a number, got '4x'."),
        (b"1,2\n3,\n", "row 2, column 2: expected a number, got an empty field."),
        (b"1,2\n,3\n", "row 2, column 1: expected a number, got an empty field."),
        (b"1,2\n3,", "row 2, column 2: expected a number, got an empty field."),
        (b"1,2\n\n3,4\n", "row 2: expected numbers, got an empty line."),
        (b"1,2\n3\n", "row 2: expected 2 columns, got 1."),
        (b"1,2\n3,4,5,6\n", "row 2: expected 2 columns, got 4."),
        (b"1\n2\n3,4", "row 3: expected 1 column, got 2."),
        (b"1\nnan\n", "row 2, column 1: expected a finite number, got 'nan'."),
        (b"NaN\n", "row 1, column 1: expected a finite number, got 'NaN'."),
        (b"1\n-inf\n", "row 2, column 1: expected a finite number, got '-inf'."),
        (b"1\nInfinity\n", "row 2, column 1: expected a finite number, got 'Infinity'."),
        (b"1,1e400\n", "row 1, column 2: expected a number in the range of float32, got '1e400'."),
        (b"1,2\n1e39,1\n", "row 2, column 1: expected a number in the range of float32, got '1e39'."),
        (
            b"1,2\n1,-" + b"9" * 60,
            "row 2, column 2: expected a number in the range of float32, got '-" + "9" * 38 + "…'.",
        ),
        (b"1\n\xff\xfe2\n", "row 2, column 1: expected a number, got '\\\\xff\\\\xfe2'."),
        ("1\n2\n".encode("utf-16"), "row 1, column 1: expected text in UTF-8, got another encoding, such as UTF-16."),
        (
            "1\n2\n".encode("utf-16-le"),
            "row 1, column 1: expected text in UTF-8, got another encoding, such as UTF-16.",
        ),
        (b'1\n"2\n', "row 2, column 1: expected a number, got '\"2'."),
        (b'1\n2"\n', "row 2, column 1: expected a number, got '2\"'."),
        (b"1_000\n", "row 1, column 1: expected a number, got '1_000'."),
        (b"1\r2\n", "row 1, column 1: expected a number, got '1\\r2'."),
        (b"1;2\n", "row 1, column 1: expected a number, got '1;2'."),
    ],
)
def test_an_error_names_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as error:
        csv.decode(body)
    assert error.value.sentence == sentence


@pytest.mark.parametrize("behind", [b"", b"\n", b" \n", b"\r\n", b"\n1234567890\n", b".5\n", b"e1\n1\n2\n3\n4\n"])
def test_whole_numbers_of_any_length_are_read_at_any_distance_from_the_end(behind: bytes) -> None:
    for digits in range(1, 21):
        body = (b"1234567890" * 2)[:digits] + behind
        expected = [[np.float32(float(line))] for line in body.decode().split()]
        np.testing.assert_array_equal(csv.decode(body).features, np.array(expected))


@pytest.mark.parametrize("size", [3, 1000])
def test_a_row_is_exact_where_float32_holds_all_its_columns(size: int) -> None:
    body = b"0,27.25,27\n1,27.0,27.1\n1,16777217,5\n0,1.0000000596046447753906250,1\n0,-0.5,1e10\n"
    chunks = [body[i : i + size] for i in range(0, len(body), size)]
    for label_size in (0, 1):
        blocks = list(csv.read(chunks, label_size=label_size))
        exact = np.concatenate([block.exact for block in blocks])
        assert exact.tolist() == [True, False, False, False, True]
    assert csv.decode(body).exact.tolist() == exact.tolist()


@pytest.mark.parametrize("byte", [*b"/:;x\x00", 0x7F, 0x80, 0xFA, 0xFF])
@pytest.mark.parametrize("at", range(8))
def test_a_byte_among_digits_is_refused(byte: int, at: int) -> None:
    field = bytes(byte if i == at else 0x39 for i in range(8))
    with pytest.raises(InvalidData, match=r"row 2, column 1: expected|UTF-16"):
        csv.decode(b"1\n" + field + b"\n99999999\n")


def test_a_label_column_too_many_is_recognised() -> None:
    with pytest.raises(InvalidData) as error:
        csv.decode(b"0,1.5\n1,2.5\n", width=1)
    assert error.value.sentence == "row 1: expected 1 column, got 2: leave the label out."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_a_file_in_pieces_is_read_as_in_one(size: int) -> None:
    body = b"\xef\xbb\xbf" + b"".join(b"%d,%d.25\r\n" % (i, i) for i in range(50)) + b"\r\n \r\n"
    chunks = [body[i : i + size] for i in range(0, len(body), size)]
    rows = np.concatenate([block.features for block in csv.read(chunks, label_size=0)])
    np.testing.assert_array_equal(rows, csv.decode(body).features)
    blocks = list(csv.read(chunks, label_size=1))
    np.testing.assert_array_equal(np.concatenate([block.features for block in blocks])[:, 0], np.arange(50) + 0.25)
    np.testing.assert_array_equal(np.concatenate([np.asarray(block.labels) for block in blocks]), np.arange(50))


@pytest.mark.parametrize(
    ("chunks", "sentence"),
    [
        ([b"1\n2\n", b"3\nx\n"], "row 4, column 1: expected a number, got 'x'."),
        ([b"1\n2\n", b"3\n1e40\n"], "row 4, column 1: expected a number in the range of float32, got '1e40'."),
        ([b"1\n2\n", b"3,4\n"], "row 3: expected 1 column, got 2."),
        ([b"1\n\n", b"\n3\n"], "row 2: expected numbers, got an empty line."),
        ([b"1\n\n", b"\n", b"3\n"], "row 2: expected numbers, got an empty line."),
        ([b"", b"\n"], "row 1: expected numbers, got nothing."),
        ([], "row 1: expected numbers, got nothing."),
    ],
)
def test_an_error_in_a_file_names_its_place_in_the_whole_file(chunks: list[bytes], sentence: str) -> None:
    with pytest.raises(InvalidData) as error:
        list(csv.read(chunks, label_size=0))
    assert error.value.sentence == sentence


def test_a_label_needs_another_column() -> None:
    with pytest.raises(InvalidData, match="expected a label and at least one more column, got 1 column"):
        list(csv.read([b"1\n2\n"], label_size=1))


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(-3e38, 3e38)),
    st.sampled_from(["{!r}", "{:.18e}", "{:.4f}"]),
)
def test_any_table_of_numbers_is_read_as_float_reads_it(table: NDArray[np.float64], form: str) -> None:
    lines = [[form.format(value) for value in row] for row in table.tolist()]
    expected = np.array([[np.float32(float(field)) for field in line] for line in lines])
    np.testing.assert_array_equal(csv.decode("\n".join(map(",".join, lines)).encode()).features, expected)
