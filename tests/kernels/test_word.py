"""Words of eight bytes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.kernels.compiled import kernel
from forecastle.kernels.pointer import memory
from forecastle.kernels.word import leading_zeros, load_word, store_word, trailing_zeros


@kernel
def _word(text: NDArray[np.uint8], index: int) -> np.uint64:
    return np.uint64(load_word(memory(memory(text)), index))


@kernel
def _with_word(text: NDArray[np.uint8], index: int, word: np.uint64) -> None:
    store_word(memory(text), index, word)


@kernel
def _zeros(word: np.uint64) -> tuple[int, int]:
    return leading_zeros(word), trailing_zeros(word)


def test_a_word_is_eight_bytes_wherever_it_begins() -> None:
    text = np.arange(17, dtype=np.uint8)
    for index in range(10):
        assert int(_word(text, index)) == int.from_bytes(text[index : index + 8].tobytes(), "little")


def test_storing_a_word_writes_eight_bytes_and_no_others() -> None:
    for index in range(10):
        text = np.zeros(17, np.uint8)
        _with_word(text, index, np.uint64(0x3837363534333231))
        assert text.tobytes() == bytes(index) + b"12345678" + bytes(9 - index)


@pytest.mark.parametrize("word", [0, 1, 2, 0x0900_0000_0000_0000, 0x0F00, 2**63, 2**64 - 1])
def test_zeros_are_counted_from_both_ends(word: int) -> None:
    trailing = (word & -word).bit_length() - 1 if word else 64
    assert _zeros(np.uint64(word)) == (64 - word.bit_length(), trailing)
