import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.formats import template


def test_scores_become_json() -> None:
    scores = np.array([0.9257140159606934, 1.0, 4.5], np.float32)
    written = template.fill([b'{"score":', b"}"], scores[:, None], separator=b",")
    assert written == b'{"score":0.925714016},{"score":1.0},{"score":4.5}'


def test_scores_become_json_lines() -> None:
    written = template.fill([b'{"score":', b"}\n"], np.array([[0.5], [-1.25]]))
    assert written == b'{"score":0.5}\n{"score":-1.25}\n'


def test_a_row_may_hold_several_numbers() -> None:
    texts = [b'{"score":', b',"attribution":{"high":[', b",", b'],"low":[', b",", b"]}}"]
    written = template.fill(texts, np.arange(10.0).reshape(2, 5), separator=b",")
    assert json.loads(b"[" + written + b"]") == [
        {"score": 0, "attribution": {"high": [1, 2], "low": [3, 4]}},
        {"score": 5, "attribution": {"high": [6, 7], "low": [8, 9]}},
    ]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_text_may_stand_before_and_after_all_rows(rows: int) -> None:
    table = np.arange(float(rows))[:, None]
    written = template.fill([b"<", b">"], table, separator=b",", before=b"[", after=b"]")
    assert written.decode() == "[" + ",".join(f"<{value}>" for (value,) in table.tolist()) + "]"


@pytest.mark.parametrize("length", [0, 1, 7, 8, 15, 16, 17, 24, 25, 100])
def test_texts_of_any_length_are_copied(length: int) -> None:
    text = bytes(65 + i % 26 for i in range(length))
    written = template.fill([text, text, text], np.array([[0.5, -(2.0**62)], [1.0, 2.0]]))
    assert written == text + b"0.5" + text + b"-4611686018427387904.0" + text + text + b"1.0" + text + b"2.0" + text


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2), st.integers(1, 3), st.booleans())
def test_long_tables_are_written_row_by_row(parts: int, columns: int, transposed: bool) -> None:
    table = np.arange(parts * 5_000 * columns, dtype=np.float64).reshape(-1, columns) / 8
    table = np.asfortranarray(table) if transposed else table
    texts = [b"<", *[b"|"] * (columns - 1), b">"]
    expected = "; ".join(f"<{'|'.join(map(repr, row))}>" for row in table.tolist())
    assert template.fill(texts, table, separator=b"; ").decode() == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**63])
def test_what_is_no_ordinary_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        template.fill([b"", b""], np.array([[1.0], [value]]))


def test_a_template_that_does_not_fit_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 3 texts"):
        template.fill([b"", b""], np.ones((1, 2)))
