import json as stdlib_json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData, PayloadTooLarge
from forecastle.formats import json, json_document
from tests.formats.json_messages import TRAILING_COMMA

MEGABYTE = 1 << 20


def _decode(body: bytes, width: int | None = None) -> Any:
    return json.decode(body, width=width, max_bytes=MEGABYTE).features


def _scan(body: bytes, width: int | None = None) -> Any:
    block = json.scan(body, lines=False, width=width, max_bytes=MEGABYTE)
    return None if block is None else block.features


@pytest.mark.parametrize(
    "body",
    [
        b'{"features": [1.5, 16.0]}\n{"features": [-2, 1e2]}\n',
        b'\n{"features": [1.5, 16.0], "id": 1}\r\n\n{"id": 2, "data": {"features": {"values": [-2, 1e2]}}}',
    ],
)
def test_instances_with_nothing_around_them_are_read_a_line_each(body: bytes) -> None:
    assert _decode(body).tolist() == [[1.5, 16.0], [-2.0, 100.0]]
    assert _decode(body.strip().partition(b"\n")[0], width=2).tolist() == [[1.5, 16.0]]


def test_an_instance_with_nothing_around_it_may_take_several_lines() -> None:
    assert _decode(b'{\n  "id": 1,\n  "features": [\n    1.5,\n    16\n  ]\n}\n').tolist() == [[1.5, 16.0]]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"features": ["a"]}', 'instance.features[0]: expected a number, got "a".'),
        (b'{"features": [1]}\n{"features": [1, 2]}', "line 2: instance.features: expected 1 column, got 2."),
        (
            b'{"features": [1]}\n{"features": [',
            "line 2, column 15: expected valid JSON, got nothing (expecting value).",
        ),
        (b'{"instance": [1]}', "instance: unknown member: did you mean instances?"),
    ],
)
def test_a_fault_in_instances_with_nothing_around_them_has_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as caught:
        _decode(body)
    assert caught.value.sentence == sentence


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"features": [1.5, 16.0]}, {"features": [-2, 1e2]}]}',
        b'{"instances":[{"features":[1.5,16]},{"features":[-2,100]}]}',
        b' {\r\n\t"instances" : [ { "features" : [ 1.5 , 16 ] } , {"features":[-2.0,100]} ] } \n',
        b'{"instances":[{"data":{"features":{"values":[1.5,16]}}},{"features":[-2,100]}]}',
        b'{"instances":[{"data":{"features":{"values":[1.5,16]}}},{"data":{"features":{"values":[-2,100]}}}]}',
        b'{"instances":[{"data":{"features":{"keys":[0,1],"shape":[2],"values":[1.5,16]}}},'
        b'{"data":{"features":{"values":[-2,100],"shape":[2],"keys":[0,1]}}}]}',
    ],
)
def test_plain_bodies_are_read_by_the_kernel_and_without_it_alike(body: bytes) -> None:
    expected = [[1.5, 16.0], [-2.0, 100.0]]
    assert _scan(body).tolist() == expected
    assert _scan(body, width=2).tolist() == expected
    assert json_document.decode(body, width=None, max_bytes=MEGABYTE).features.tolist() == expected


def test_a_sparse_instance_is_made_dense() -> None:
    body = b'{"instances": [{"data": {"features": {"keys": [26, 182], "shape": [2000], "values": [1, 1]}}}]}'
    expected = np.zeros((1, 2000), np.float32)
    expected[0, [26, 182]] = 1
    np.testing.assert_array_equal(_scan(body), expected)
    np.testing.assert_array_equal(json_document.decode(body, width=2000, max_bytes=MEGABYTE).features, expected)


def test_a_sparse_instance_may_be_all_zeros() -> None:
    body = b'{"instances": [{"data": {"features": {"keys": [], "shape": [3], "values": []}}}]}'
    assert _scan(body).tolist() == [[0, 0, 0]]
    assert json_document.decode(body, width=None, max_bytes=MEGABYTE).features.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"id": "x", "features": [1, 2], "more": {"a": [1, {}]}}]}',
        b'{"instances": [{"features": [1, 2], "id": 7}]}',
        b'{"\\u0069nstances": [{"features": [1, 2]}]}',
        b'\xef\xbb\xbf{"instances": [{"features": [1, 2]}]}',
        b'{"instances": [{"data": {"features": {"values": [1, 2], "x": {}}, "y": "\\ud800"}}]}',
    ],
)
def test_further_members_escapes_and_a_byte_order_mark_do_no_harm(body: bytes) -> None:
    assert _decode(body, width=2).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("configuration", "configuration: unknown member; known are instances."),
        ("instance", "instance: unknown member: did you mean instances?"),
        ("two words", '"two words": unknown member; known are instances.'),
        ("n" * 100_000, f'"{"n" * 38}…: unknown member; known are instances.'),
    ],
)
def test_a_member_of_the_document_that_is_not_known_is_refused(member: str, sentence: str) -> None:
    body = f'{{"instances": [{{"features": [1, 2]}}], "{member}": {{}}}}'.encode()
    with pytest.raises(InvalidData) as caught:
        _decode(body)
    assert caught.value.sentence == sentence


def test_dense_and_sparse_instances_may_come_together() -> None:
    body = b'{"instances":[{"features":[1,2]},{"data":{"features":{"keys":[1],"shape":[2],"values":[5]}}}]}'
    assert _decode(body).tolist() == [[1, 2], [0, 5]]


def _sparse(text: str) -> bytes:
    return f'{{"instances": [{{"data": {{"features": {{{text}}}}}}}]}}'.encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "line 1, column 1: expected valid JSON, got nothing (expecting value)."),
        (
            b'{"instances": [\n{"features": [1,]}]}',
            TRAILING_COMMA,
        ),
        (b'{"instances": [{"features": [1]}]} x', "line 1, column 36: expected valid JSON, got 'x' (extra data)."),
        (
            b'{"instances": [{"features": [01]}]}',
            "line 1, column 31: expected valid JSON, got '1' (expecting ',' delimiter).",
        ),
        (
            b'{"instances": [{"features": [1',
            "line 1, column 31: expected valid JSON, got nothing (expecting ',' delimiter).",
        ),
        (b'{"instances": [{"features": [1\xff]}]}', "byte 30: expected text in UTF-8, got another encoding."),
        (b"[" * 100_000, "line 1: expected JSON of a few levels, got hundreds of them."),
        (b"[1]", "Expected an object, got a list."),
        (b"null", "Expected an object, got null."),
        (b"{}", 'Expected "instances", which is missing.'),
        (b'{"instances": {}}', "instances: expected a list, got an object."),
        (b'{"instances": []}', "instances: expected at least one instance, got none."),
        (b'{"instances": [1]}', "instances[0]: expected an object, got 1."),
        (b'{"instances": [{}]}', 'instances[0]: expected "features" or "data", got neither.'),
        (b'{"instances": [{"data": 1}]}', "instances[0].data: expected an object, got 1."),
        (b'{"instances": [{"data": {}}]}', 'instances[0].data: expected "features", which is missing.'),
        (b'{"instances": [{"data": {"features": 2}}]}', "instances[0].data.features: expected an object, got 2."),
        (b'{"instances": [{"features": 1}]}', "instances[0].features: expected a list of numbers, got 1."),
        (b'{"instances": [{"features": []}]}', "instances[0].features: expected at least one number, got none."),
        (
            b'{"instances": [{"features": [1]}, {"features": [1, "abc"]}]}',
            'instances[1].features[1]: expected a number, got "abc".',
        ),
        (b'{"instances": [{"features": [true]}]}', "instances[0].features[0]: expected a number, got true."),
        (b'{"instances": [{"features": [null]}]}', "instances[0].features[0]: expected a number, got null."),
        (b'{"instances": [{"features": [[1]]}]}', "instances[0].features[0]: expected a number, got a list."),
        (
            b'{"instances": [{"features": ["' + b"x" * 99 + b'"]}]}',
            'instances[0].features[0]: expected a number, got "' + "x" * 38 + "….",
        ),
        (b'{"instances": [{"features": ["\\ud800"]}]}', 'instances[0].features[0]: expected a number, got "\\ud800".'),
        (
            b'{"instances": [{"features": [NaN]}]}',
            "instances[0].features[0]: expected a number in the range of float32, got NaN.",
        ),
        (
            b'{"instances": [{"features": [1, 1e400]}]}',
            "instances[0].features[1]: expected a number in the range of float32, got 1e400.",
        ),
        (
            b'{"instances": [{"features": [1, 1e39]}]}',
            "instances[0].features[1]: expected a number in the range of float32, got 1e39.",
        ),
        (
            b'{"instances": [{"features": [' + b"9" * 6000 + b"]}]}",
            f"instances[0].features[0]: expected a number in the range of float32, got {'9' * 39}….",
        ),
        (
            b'{"instances": [{"features": [1]}, {"features": [1, 2]}]}',
            "instances[1].features: expected 1 column, got 2.",
        ),
        (
            b'{"instances": [{"features": [1], "features": [2]}]}',
            'instances[0]: expected an object, got one with "features" twice.',
        ),
        (_sparse('"keys": [0], "shape": [2]'), 'instances[0].data.features: expected "values", which is missing.'),
        (_sparse('"keys": [0], "values": [2]'), 'instances[0].data.features: expected "shape", which is missing.'),
        (_sparse('"shape": [2], "values": [2]'), 'instances[0].data.features: expected "keys", which is missing.'),
        (
            _sparse('"keys": [0, 1], "shape": [2], "values": [2]'),
            "instances[0].data.features: expected as many keys as values, got 2 and 1.",
        ),
        (
            _sparse('"keys": [1, 0], "shape": [2], "values": [2, 3]'),
            "instances[0].data.features.keys[1]: expected keys that ascend from 0 to 1, each once, got 0 after 1.",
        ),
        (
            _sparse('"keys": [1, 1], "shape": [2], "values": [2, 3]'),
            "instances[0].data.features.keys[1]: expected keys that ascend from 0 to 1, each once, got 1 after 1.",
        ),
        (
            _sparse('"keys": [2], "shape": [2], "values": [2]'),
            "instances[0].data.features.keys[0]: expected keys that ascend from 0 to 1, each once, got 2.",
        ),
        (
            _sparse('"keys": [-1], "shape": [2], "values": [2]'),
            "instances[0].data.features.keys[0]: expected keys that ascend from 0 to 1, each once, got -1.",
        ),
        (
            _sparse('"keys": [0.5], "shape": [2], "values": [2]'),
            "instances[0].data.features.keys[0]: expected a whole number, got 0.5.",
        ),
        (
            _sparse('"keys": 0, "shape": [2], "values": [2]'),
            "instances[0].data.features.keys: expected a list of whole numbers, got 0.",
        ),
        (
            _sparse('"keys": [0], "shape": [-2], "values": [2]'),
            "instances[0].data.features.shape: expected one number, the number of columns, got -2.",
        ),
        (
            _sparse('"keys": [0], "shape": [2, 2], "values": [2]'),
            "instances[0].data.features.shape: expected one number, the number of columns, got 2 numbers.",
        ),
        (
            _sparse('"keys": [0], "shape": [9223372036854775808], "values": [2]'),
            "instances[0].data.features.shape: expected one number, the number of columns, got 9223372036854775808.",
        ),
    ],
)
def test_an_error_names_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as error:
        _decode(body)
    assert error.value.sentence == sentence


def test_the_wrong_width_is_refused() -> None:
    with pytest.raises(InvalidData, match=r"^instances\[0\].features: expected 3 columns, got 1.$"):
        _decode(b'{"instances": [{"features": [1]}]}', width=3)


def test_sparse_rows_grow_no_further_than_allowed() -> None:
    body = _sparse('"keys": [0], "shape": [100000000], "values": [2]')
    with pytest.raises(
        PayloadTooLarge, match=r"at most 1048576 bytes.*1 rows of 100000000 columns, which take 400000000"
    ):
        _decode(body)


numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(-3e38, 3e38), st.just(16777217))
tensors = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.one_of(
            st.lists(numbers, min_size=width, max_size=width).map(lambda values: {"features": values}),
            st.lists(numbers, min_size=width, max_size=width).map(
                lambda values: {"data": {"features": {"values": values}}}
            ),
            st.dictionaries(st.integers(0, width - 1), numbers).map(
                lambda row: {
                    "data": {
                        "features": {
                            "keys": sorted(row),
                            "values": [row[key] for key in sorted(row)],
                            "shape": [width],
                        }
                    }
                }
            ),
        ),
        min_size=1,
        max_size=4,
    )
)


@settings(deadline=None, max_examples=150)
@given(tensors, st.sampled_from([None, 2]), st.booleans())
def test_with_the_kernel_and_without_it_a_body_reads_the_same(
    instances: list[Any], indent: int | None, sort: bool
) -> None:
    body = stdlib_json.dumps({"instances": instances}, indent=indent, sort_keys=sort).encode()
    with_kernel = json.decode(body, width=None, max_bytes=MEGABYTE)
    without = json_document.decode(body, width=None, max_bytes=MEGABYTE)
    np.testing.assert_array_equal(with_kernel.features, without.features)
    np.testing.assert_array_equal(with_kernel.exact, without.exact)


@settings(deadline=None, max_examples=300)
@given(tensors, st.integers(0, 10_000), st.sampled_from([b"", b"0", b",", b"}", b"]", b'"', b"-", b".", b"e", b" "]))
def test_what_the_kernel_accepts_is_accepted_without_it(instances: list[Any], at: int, piece: bytes) -> None:
    body = stdlib_json.dumps({"instances": instances}).encode()
    at %= len(body)
    body = body[:at] + piece + body[at + 1 :]
    rows = _scan(body)
    if rows is not None:
        np.testing.assert_array_equal(rows, json_document.decode(body, width=None, max_bytes=MEGABYTE).features)
