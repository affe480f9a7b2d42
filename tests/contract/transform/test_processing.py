"""Filters for input and output, and joining output with input."""

import json

import pytest

from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO
from forecastle.contract.transform.processing import Processing


def test_rows_are_joined_with_their_answers() -> None:
    joined = Processing.of(CSV, "$[1:]", "$[0,-1]", True)
    body = b'"a, b",1,2\n"c\nd",3,4\n'
    assert joined.sent(body, 2) == b"1,2\n3,4\n"
    assert joined.written(body, 2, b"0.5\n0.25\n") == b'"a, b",0.5\n"c\nd",0.25\n'


def test_objects_are_joined_with_their_answers() -> None:
    joined = Processing.of(JSON_LINES, output_filter="$['id','SageMakerOutput']", join=True)
    written = joined.written(b'{"id": 1, "x": 2}\n', 1, b'{"score": 0.5}\n')
    assert json.loads(written) == {"id": 1, "SageMakerOutput": {"score": 0.5}}


def test_what_is_no_object_becomes_one() -> None:
    assert json.loads(Processing.of(JSON, join=True).written(b"[1,\n2]", 1, b"[3]")) == {
        "SageMakerInput": [1, 2],
        "SageMakerOutput": [3],
    }


@pytest.mark.parametrize(
    ("body", "answer", "sentence"),
    [
        (b"1,2\n", b"1\n2\n", "the model answered 1 records with 2 lines"),
        (b"1\n", b"1\n", "a filter does not match the record"),
        (b"\xff\n", b"1\n", "is not text/csv"),
    ],
)
def test_what_does_not_fit_is_a_sentence(body: bytes, answer: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        Processing.of(CSV, output_filter="$[2]", join=True).written(body, 1, answer)


def test_a_row_may_have_a_long_field_and_the_first_one_a_byte_order_mark() -> None:
    body = b'\xef\xbb\xbf"a\nb",' + b"x" * 200_000 + b",1\n"
    assert Processing.of(CSV, "$[0,2]").sent(body, 1) == b'"a\nb",1\n'


@pytest.mark.parametrize(
    ("media_type", "body", "sentence"),
    [
        (CSV, b"1\r2\n", "a carriage return ends a row: 2 rows were read, and 1 expected"),
        (JSON_LINES, b"[" * 100_000, "is not application/jsonlines"),
    ],
)
def test_what_cannot_be_read_as_its_records_is_a_sentence(media_type: str, body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        Processing.of(media_type, "$[0]").sent(body, 1)


def test_a_file_that_was_not_split_may_have_any_number_of_rows() -> None:
    assert Processing.of(CSV, "$[1:]").sent(b"1,2\n3,4\n", None) == b"2\n4\n"


def test_only_text_can_be_filtered() -> None:
    with pytest.raises(InvalidJob, match=r"Filters and joins need .*, got application/x-recordio-protobuf\."):
        Processing.of(RECORDIO, join=True)
