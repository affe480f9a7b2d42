"""Pairs in batches."""

import numpy as np
import pytest

from forecastle.algorithms.seq2seq.architecture import END
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.dataset import without_stop
from forecastle.algorithms.seq2seq.training.learner import Pairs

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 30, 200)
ENDS = np.cumsum(LENGTHS)
WORDS = RNG.integers(4, 50, ENDS[-1]).astype(np.int32)
PAIRS = Pairs(WORDS, ENDS, WORDS, ENDS)


def batches(**given: str) -> Batches:
    return Batches(PAIRS, Seq2SeqHyperparameters.parse({"batch_size": "8"} | given))


@pytest.mark.parametrize("given", [{}, {"bucketing_enabled": "false"}, {"bucket_width": "2"}])
def test_an_epoch_has_every_pair_once_in_an_order_of_its_own(given: dict[str, str]) -> None:
    found = batches(**given)
    first, second, again = (found.epoch(7, epoch) for epoch in (0, 1, 0))
    assert len(first) == len(second) == len(found)
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(range(200))
    assert [rows.tolist() for rows in first] == [rows.tolist() for rows in again]
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in second]


def test_pairs_of_a_bucket_have_similar_lengths() -> None:
    for rows in batches(bucket_width="4").epoch(1, 0):
        assert np.ptp(LENGTHS[rows]) < 4


def test_a_batch_is_padded_and_its_targets_end() -> None:
    rows = np.array([0, 5, 199])
    batch = batches().batch(rows)
    assert batch.source.shape == (3, LENGTHS[rows].max())
    for row, number in enumerate(rows):
        length, words = LENGTHS[number], WORDS[ENDS[number] - LENGTHS[number] : ENDS[number]]
        assert batch.source[row].tolist() == [*words, *[0] * (batch.source.shape[1] - length)]
        assert batch.target[row, : length + 1].tolist() == [*words, END]
        assert not batch.target[row, length + 1 :].any()
    assert batch.target_lengths.tolist() == (LENGTHS[rows] + 1).tolist()


def test_all_pairs_are_validated_once_in_order_of_length() -> None:
    lengths = [length for batch in batches().in_order() for length in batch.target_lengths]
    assert lengths == sorted(LENGTHS + 1)


@pytest.mark.parametrize(
    ("pair", "bare"),
    [
        (("I am.", "Ich bin. "), ("I am", "Ich bin")),
        (("I am?", "Bin ich?"), None),
        (("I am.", "Ich bin!"), None),
        (("I am...", "Ich bin..."), None),
        ((".", "."), None),
    ],
)
def test_a_final_stop_may_be_left_out(pair: tuple[str, str], bare: tuple[str, str] | None) -> None:
    assert without_stop(pair) == bare
