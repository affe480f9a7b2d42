"""How trees grow: the law of their cuts, the rows they get, and that a seed fixes every byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.random_cut_forest.inference.score import score
from forecastle.algorithms.random_cut_forest.training.grow import Rows, contiguous_rows, drawn_rows, grow
from forecastle.contract.errors import InvalidData
from tests.algorithms.random_cut_forest.data import Floats, forest_of, points, taxi_counts


def same_bytes(rows: Rows, samples: Floats, threads: int) -> list[bytes]:
    return [array.tobytes() for array in grow(samples, rows, seed=7, threads=threads).arrays().values()]


@pytest.mark.parametrize("dimensions", [1, 3, 20])
def test_a_forest_is_the_same_bytes_whatever_the_number_of_threads(dimensions: int) -> None:
    samples = points("gaussian", 300, dimensions, 0)
    rows = drawn_rows(300, 50, 64, seed=7)
    assert same_bytes(rows, samples, 1) == same_bytes(rows, samples, 2) == same_bytes(rows, samples, 5)


def test_another_seed_makes_another_forest() -> None:
    samples = points("gaussian", 300, 2, 0)
    first, second = (grow(samples, contiguous_rows(300, 3), seed=seed) for seed in (1, 2))
    assert not np.array_equal(first.cut_values, second.cut_values)
    assert not np.array_equal(drawn_rows(300, 3, 50, seed=1), drawn_rows(300, 3, 50, seed=2))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["gaussian", "rounded", "constant", "steep"]),
    st.integers(1, 80),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
)
def test_mass_is_conserved_and_every_distinct_point_is_one_leaf(
    kind: str, count: int, dimensions: int, seed: int
) -> None:
    samples = points(kind, count, dimensions, seed)
    rows = drawn_rows(count, 3, 50, seed=seed)
    forest = grow(samples, rows, seed=seed)  # which also refuses a leaf on the wrong side of a cut
    for tree, (start, stop) in enumerate(zip(forest.leaf_offsets[:-1], forest.leaf_offsets[1:], strict=True)):
        distinct, masses = np.unique(samples[rows[tree]], axis=0, return_counts=True)
        order = np.lexsort(forest.leaf_points[start:stop].T[::-1])
        assert np.array_equal(forest.leaf_points[start:stop][order], distinct)
        assert np.array_equal(forest.leaf_masses[start:stop][order], masses)


def test_a_cut_that_rounds_up_to_the_maximum_still_parts_the_points() -> None:
    low = np.float32(1.0)
    samples = np.array([[low], [np.nextafter(low, np.float32(2.0))]], np.float32)
    forest = grow(samples, np.tile(np.arange(2), (200, 1)), seed=0)
    assert np.all(forest.num_nodes == 3)
    assert np.all(forest.cut_values == low)


def test_a_number_that_is_none_is_refused_with_its_place() -> None:
    samples = points("gaussian", 10, 2, 0)
    samples[4, 1] = np.nan
    with pytest.raises(InvalidData, match=r"row 4, column 1: expected a finite number, got nan\."):
        grow(samples, contiguous_rows(10, 2), seed=0)


def test_dimensions_are_cut_in_proportion_to_their_sides_and_uniformly() -> None:
    # A box of sides 1 and 3: the root's cut is in the second three times as often, and uniform there.
    samples = np.array([[0, 0], [1, 3]], np.float32)
    trees = 20_000
    forest = grow(samples, np.tile(np.arange(2), (trees, 1)), seed=5)
    second = forest.cut_dimensions == 1
    assert abs(second.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / trees)
    for values, side in ((forest.cut_values[second], 3), (forest.cut_values[~second], 1)):
        found, expected = np.sort(values / side), (np.arange(len(values)) + 0.5) / len(values)
        assert np.abs(found - expected).max() < 2.2 / np.sqrt(len(values))  # Kolmogorov–Smirnov, p < 1e-4


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_the_order_of_columns_changes_the_law_of_the_scores_in_nothing(order: list[int]) -> None:
    samples = points("gaussian", 64, 3, 0) * np.array([1, 2, 5], np.float32)
    queries = points("gaussian", 10, 3, 1) * np.array([2, 4, 10], np.float32)
    rows, forests = contiguous_rows(64, 1), 400
    plain = np.array([score(grow(samples, rows, seed=seed), queries) for seed in range(forests)])
    moved = np.array(
        [score(grow(samples[:, order], rows, seed=forests + seed), queries[:, order]) for seed in range(forests)]
    )
    deviation = np.sqrt((plain.var(axis=0) + moved.var(axis=0)) / forests)
    assert np.all(np.abs(plain.mean(axis=0) - moved.mean(axis=0)) < 4.5 * deviation)


def test_drawn_rows_are_distinct_and_uniform() -> None:
    rows = drawn_rows(20, 20_000, 5, seed=3)
    assert np.all(np.diff(np.sort(rows, axis=1), axis=1) > 0)
    counts = np.bincount(rows.ravel(), minlength=20)
    assert len(counts) == 20
    assert np.abs(counts - 5000).max() < 5 * np.sqrt(20_000 * 0.25 * 0.75)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**64 - 1))
@settings(deadline=None, max_examples=30)
def test_a_tree_draws_no_more_rows_than_there_are(num_rows: int, size: int, seed: int) -> None:
    rows = drawn_rows(num_rows, 2, size, seed=seed)
    assert rows.shape == (2, min(size, num_rows))
    assert all(len(set(tree)) == len(tree) and 0 <= min(tree) <= max(tree) < num_rows for tree in rows.tolist())


def test_contiguous_rows_are_slices_in_order_without_the_remainder() -> None:
    assert contiguous_rows(11, 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert contiguous_rows(10_320, 50).shape == (50, 206)


def test_fewer_rows_than_trees_are_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidData, match="50 trees, got 49"):
        contiguous_rows(49, 50)


def test_the_taxi_forest_has_the_nodes_that_sagemaker_logged() -> None:
    forest = grow(taxi_counts(), contiguous_rows(10_320, 50), seed=0)
    assert forest.num_nodes[:2].tolist() == [405, 403]
    assert (forest.num_nodes.min(), forest.num_nodes.max(), forest.num_samples) == (401, 411, 10_300)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_taxi_scores_lie_in_the_bands_of_rebuilt_jobs(seed: int) -> None:
    counts = taxi_counts()
    forest = grow(counts, contiguous_rows(len(counts), 50), seed=seed)
    scores = score(forest, counts).astype(np.float64)
    cutoff = scores.mean() + 3 * scores.std()
    events = score(forest, np.array([[39197], [29985], [27598], [8]], np.float32))
    found = [scores.mean(), scores.std(), scores.max(), cutoff, (scores > cutoff).sum(), *events]
    expected = [0.8905, 0.2505, 4.663, 1.642, 232, 4.663, 3.155, 2.211, 2.697]
    sigmas = [0.0057, 0.0090, 0.046, 0.026, 14, 0.046, 0.054, 0.053, 0.050]
    assert np.all(np.abs(np.subtract(found, expected)) < 4 * np.array(sigmas))


def test_equal_points_of_any_forest_share_a_leaf() -> None:
    forest = forest_of(points("constant", 30, 4, 0), 3)
    assert forest.num_nodes.tolist() == [1, 1, 1]
    assert forest.leaf_masses.tolist() == [30, 30, 30]
