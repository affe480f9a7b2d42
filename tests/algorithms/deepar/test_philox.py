"""Random numbers by counter, beside the published ones and beside the definition."""

from typing import Any

import numba
import numpy as np
import pytest

from forecastle.kernels.lanes import SIZES, Size, floats_of, store
from forecastle.kernels.philox import begin_stream, new_stream, next_uniform, random_lanes
from forecastle.kernels.pointer import memory

KEY = 0x1234567890ABCDEF


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    first, second, third, fourth = counter
    for round_ in range(10):
        low, high = ((key[0] + round_ * 0x9E3779B9) % 2**32, (key[1] + round_ * 0xBB67AE85) % 2**32)
        products = 0xD2511F53 * first, 0xCD9E8D57 * third
        first, second = (products[1] >> 32) ^ second ^ low, products[1] % 2**32
        third, fourth = (products[0] >> 32) ^ fourth ^ high, products[0] % 2**32
    return [first, second, third, fourth]


def test_the_definition_gives_the_published_numbers() -> None:
    """The known answers of Random123, its authors' library."""
    assert philox((0, 0, 0, 0), (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((2**32 - 1,) * 4, (2**32 - 1,) * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


@pytest.mark.parametrize("size", SIZES.values())
def test_lanes_are_consecutive_paths(size: Size) -> None:
    @numba.njit  # type: ignore[untyped-decorator]
    def run(out: Any, key: np.uint64, size: Size) -> None:
        words = random_lanes(5, 6, 7, key, size)
        for number in range(4):
            store(memory(out), number * len(size) * 8, floats_of(words[number]))

    out = np.empty((4, 8 * len(size)), np.float32)
    run(out, np.uint64(KEY), size)

    for lane, words in enumerate(out.view(np.uint32).T):
        assert words.tolist() == philox((5 + lane, 6, 7, 0), (KEY % 2**32, KEY >> 32))


def test_a_stream_gives_one_word_after_the_other() -> None:
    stream = new_stream(np.uint64(KEY))
    begin_stream(stream, 5, 6, 7)

    ours = [next_uniform(stream) for _ in range(9)]

    words = [word for draw in range(3) for word in philox((5, 6, 7, draw), (KEY % 2**32, KEY >> 32))]
    assert ours == [(word + 0.5) / 2**32 for word in words[:9]]
