"""The one-pass sample of a stream."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.random_cut_forest.training.reservoir import Reservoir
from tests.algorithms.random_cut_forest.data import Floats


def sampled(count: int, capacity: int, seed: int, cuts: list[int] | None = None) -> Floats:
    reservoir = Reservoir(capacity, 2, seed)
    rows = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    for block in np.split(rows, sorted(cuts or [])):
        reservoir.add(block)
    assert reservoir.seen == count
    return reservoir.sample()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.integers(1, 200), st.integers(0, 2**64 - 1), st.data())
def test_a_sample_is_distinct_rows_of_the_stream_however_it_is_cut(
    count: int, capacity: int, seed: int, data: st.DataObject
) -> None:
    rows = sampled(count, capacity, seed)
    assert rows.shape == (min(count, capacity), 2)
    assert np.all(rows[:, 1] == rows[:, 0] + 1)
    assert len(set(rows[:, 0])) == len(rows)
    cuts = data.draw(st.lists(st.integers(0, count), max_size=5))
    assert np.array_equal(rows, sampled(count, capacity, seed, cuts))


def test_a_stream_that_fits_is_kept_in_its_order() -> None:
    for count in (1, 1023, 1024, 1025, 5000):
        assert sampled(count, 5000, 0, [700] if count > 700 else None)[:, 0].tolist() == list(range(0, 2 * count, 2))


def test_every_row_is_kept_equally_often_and_at_every_place() -> None:
    count, capacity, runs = 60, 12, 5000
    kept, first = np.zeros(count), np.zeros(count)
    for seed in range(runs):
        rows = (sampled(count, capacity, seed)[:, 0] / 2).astype(int)
        kept[rows] += 1
        first[rows[0]] += 1
    share = capacity / count
    assert np.abs(kept - runs * share).max() < 4.5 * np.sqrt(runs * share * (1 - share))
    assert np.abs(first - runs / count).max() < 4.5 * np.sqrt(runs / count)
