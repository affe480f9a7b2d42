"""Pieces of bytes put together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.kernels.joined import LARGE, joined


@given(st.lists(st.binary()))
def test_small_pieces_are_put_together(pieces: list[bytes]) -> None:
    assert joined(pieces) == b"".join(pieces)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=100), max_size=5), st.integers(0, 5))
def test_large_pieces_are_put_together_byte_by_byte(pieces: list[bytes | memoryview], place: int) -> None:
    large = bytes(range(256)) * (LARGE // 256 + 1)
    pieces = [*pieces[:place], memoryview(large), *pieces[place:]]
    assert joined(pieces) == b"".join(pieces)


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1])
def test_what_comes_out_is_bytes_like_any_other(size: int) -> None:
    whole = joined([b"x" * (size - 1), b"y"])
    assert type(whole) is bytes
    assert (whole, hash(whole)) == (b"x" * (size - 1) + b"y", hash(b"x" * (size - 1) + b"y"))
