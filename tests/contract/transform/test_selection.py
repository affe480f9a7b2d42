"""The supported part of JSONPath."""

import pytest

from forecastle.contract.transform.selection import selection


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", ["id", 1, 2, {"a": {"b": 3}}]),
        ("$[0]", "id"),
        ("$[1:]", [1, 2, {"a": {"b": 3}}]),
        ("$[:-1]", ["id", 1, 2]),
        ("$[0,2]", ["id", 2]),
        ("$[-1].a['b']", 3),
        ("$[3]['a'].b", 3),
    ],
)
def test_paths_select(path: str, expected: object) -> None:
    assert selection(path)(["id", 1, 2, {"a": {"b": 3}}]) == expected
