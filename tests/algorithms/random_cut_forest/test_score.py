"""Scores and attributions of the kernels against a plain reading, and what must hold of both."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import attribute, score
from forecastle.contract.errors import InvalidData
from tests.algorithms.random_cut_forest import reference
from tests.algorithms.random_cut_forest.data import DIMENSIONS, Floats, forest_of, points

KINDS = ("gaussian", "rounded", "constant", "steep")


def queries_of(samples: Floats, seed: int) -> Floats:
    """Some of the samples, some next to them, some far away."""
    near = np.where(samples[:8] == 0, np.float32(1e-20), np.nextafter(samples[:8], np.float32(np.inf)))
    return np.concatenate([samples[:8], near, points("gaussian", 8, samples.shape[1], seed), -7 * samples[:4]])


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(KINDS), st.integers(1, 60), st.sampled_from(DIMENSIONS), st.integers(0, 2**32 - 1))
def test_kernels_equal_a_plain_reading(kind: str, count: int, dimensions: int, seed: int) -> None:
    samples = points(kind, count, dimensions, seed)
    forest = forest_of(samples, 3, 40, seed)
    queries = queries_of(samples, seed)
    exact = np.random.default_rng(seed).random(len(queries)) < 0.5
    expected_high, expected_low = reference.attribution(forest, queries, exact)
    scores = score(forest, queries, exact=exact)
    high, low = attribute(forest, queries, exact=exact)
    np.testing.assert_allclose(scores, (expected_high + expected_low).sum(axis=1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(high, expected_high, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(low, expected_low, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose((high + low).sum(axis=1), scores, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_a_score_is_the_mean_over_the_trees(kind: str, dimensions: int) -> None:
    samples = points(kind, 90, dimensions, 1)
    forest = forest_of(samples, 7)
    stored, offsets = forest.arrays(), forest.leaf_offsets
    alone = []
    for tree in range(7):
        leaves, cuts = (
            slice(offsets[tree], offsets[tree + 1]),
            slice(offsets[tree] - tree, offsets[tree + 1] - tree - 1),
        )
        one = {name: stored[name][leaves if name.startswith("leaf") else cuts] for name in stored}
        one["leaf_offsets"] = np.array([0, offsets[tree + 1] - offsets[tree]])
        alone.append(score(Forest.from_arrays(one), queries_of(samples, 2)))
    np.testing.assert_allclose(score(forest, queries_of(samples, 2)), np.mean(alone, axis=0), rtol=2e-6)


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_a_row_scores_the_same_bytes_in_every_batch_and_with_any_threads(dimensions: int) -> None:
    forest = forest_of(points("rounded", 200, dimensions, 1))
    queries = np.concatenate([points("gaussian", 3000, dimensions, 2), points("rounded", 1200, dimensions, 3)])
    whole = score(forest, queries, threads=1)
    assert score(forest, queries, threads=2, exact=np.ones(len(queries), np.bool_)).tobytes() == whole.tobytes()
    assert score(forest, queries, threads=5).tobytes() == whole.tobytes()
    shuffled = np.random.default_rng(0).permutation(len(queries))
    assert score(forest, queries[shuffled]).tobytes() == whole[shuffled].tobytes()
    for size in (1, 2, 3, 7, 8, 9, 31, 65):
        parts = [score(forest, queries[i : i + size]) for i in range(0, 10 * size, size)]
        assert np.concatenate(parts).tobytes() == whole[: 10 * size].tobytes()
    high, low = attribute(forest, queries[:300], threads=1)
    again_high, again_low = attribute(forest, queries[:300], threads=3)
    assert (high.tobytes(), low.tobytes()) == (again_high.tobytes(), again_low.tobytes())
    assert attribute(forest, queries[5:6])[0].tobytes() == high[5:6].tobytes()


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_scores_of_all_finite_floats_are_finite_and_in_their_range(dimensions: int) -> None:
    extremes = np.array([-3.4e38, -1e30, -1e-38, -1e-45, 0, 1e-45, 1e-20, 1, 1e30, 3.4e38], np.float32)
    random = np.random.default_rng(dimensions)
    samples, queries = random.choice(extremes, (100, dimensions)), random.choice(extremes, (100, dimensions))
    for forest in (forest_of(samples), forest_of(points("gaussian", 100, dimensions, 0))):
        scores, (high, low) = score(forest, queries), attribute(forest, queries)
        assert np.all((scores > 0) & (scores <= np.log2(64) * 1.00001))
        assert np.isfinite(high).all()
        assert np.isfinite(low).all()


def test_a_repeated_point_scores_lower_than_a_single_one_and_both_are_finite_at_the_root() -> None:
    scores = [
        score(forest_of(np.full((count, 2), 3, np.float32), 2, 256), np.full((1, 2), 3, np.float32))[0]
        for count in (1, 2, 4, 256)
    ]
    assert scores[0] == 1
    repeated = np.array([[1], [5], [5], [5]], np.float32)
    alone, together = score(forest_of(repeated, 50, 4), np.array([[1], [5]], np.float32))
    assert together < alone
    assert all(np.isfinite(scores))


def test_attribution_distinguishes_columns_that_are_too_high_and_too_low() -> None:
    forest = forest_of(points("gaussian", 500, 3, 0), 30, 128)
    high, low = attribute(forest, np.array([[9, 0, -9]], np.float32))
    assert high[0, 0] > 5 * (high[0, 1] + high[0, 2])
    assert low[0, 2] > 5 * (low[0, 0] + low[0, 1])


@pytest.mark.parametrize("dimensions", [1, 3])
def test_points_of_another_width_are_refused(dimensions: int) -> None:
    forest = forest_of(points("gaussian", 50, dimensions, 0))
    with pytest.raises(InvalidData, match=rf"expected rows of {dimensions} numbers, got the shape \(5, 2\)\."):
        score(forest, points("gaussian", 5, 2, 0))
    with pytest.raises(InvalidData):
        attribute(forest, points("gaussian", 5, 2, 0))


@pytest.mark.parametrize("dimensions", [1, 3])
def test_points_that_are_read_only_or_strided_score_like_others(dimensions: int) -> None:
    forest = forest_of(points("gaussian", 50, dimensions, 0))
    queries = points("gaussian", 20, dimensions, 1)
    expected = score(forest, queries).tobytes()
    fixed = np.frombuffer(queries.tobytes(), np.float32).reshape(queries.shape)
    assert score(forest, fixed).tobytes() == expected
    assert score(forest, np.asfortranarray(queries)).tobytes() == expected
    assert score(forest, np.repeat(queries, 2, axis=0)[::2]).tobytes() == expected


@pytest.mark.parametrize("dimensions", [1, 2])
def test_no_points_have_no_scores(dimensions: int) -> None:
    forest = forest_of(points("gaussian", 50, dimensions, 0))
    assert score(forest, np.empty((0, dimensions), np.float32)).shape == (0,)
    assert attribute(forest, np.empty((0, dimensions), np.float32))[0].shape == (0, dimensions)


ON_MANY_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from forecastle.algorithms.random_cut_forest.inference.score import score
from tests.algorithms.random_cut_forest.data import forest_of, points

forests = [forest_of(points("gaussian", 500, d, 1), 50, 256, 1) for d in (2, 3, 17)]
queries = [[points("gaussian", size, forest.dimensions, size) for size in (3, 40, 300, 2000)] for forest in forests]
expected = [[score(forest, each, threads=1) for each in several] for forest, several in zip(forests, queries)]

def is_equal(number):
    forest, size = number % 3, number // 3 % 4
    return np.array_equal(score(forests[forest], queries[forest][size], threads=2), expected[forest][size])

with ThreadPoolExecutor(8) as pool:
    print(all(pool.map(is_equal, range(2000))))
"""


def test_no_kernel_uses_memory_that_was_freed() -> None:
    """With one arena for all threads, as in the server, each gets the memory that another has freed."""
    done = subprocess.run(
        [sys.executable, "-c", ON_MANY_THREADS],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.arena_max=1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
