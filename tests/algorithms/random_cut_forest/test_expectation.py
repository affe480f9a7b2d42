"""Scores of decimal readings that repeat, against their expectation over random trees in closed form.

In one dimension a tree over the distinct values v₀ < … < v_m is a random cut in [v₀, v_m], uniform, and two trees of
the same kind. So the expected score of a query obeys a recursion over runs of neighbouring values, without any tree.
"""

import json
from collections import Counter
from functools import cache
from math import log2

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.interface import Payload
from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel
from forecastle.algorithms.random_cut_forest.training.grow import grow
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats.recordio_writer import write_dense

READINGS = [*4 * ["27.0"], *9 * ["27.1"], *5 * ["27.2"], *2 * ["27.3"], "26.9", "27.5", "27.25"]  # 23 of them
Doubles = NDArray[np.float64]

TREES, GROUPS = 20_000, 50


def expected(query: str, *, may_equal: bool) -> float:
    """The expected score of `query` in a random tree over all readings; without `may_equal` it equals no leaf."""
    masses = Counter(float(np.float32(reading)) for reading in READINGS)
    values, n = sorted(masses), len(READINGS)
    x = float(np.float32(query))

    @cache
    def score(first: int, last: int, depth: int) -> float:
        low, high = values[first], values[last]
        if first == last:
            if x == low and may_equal:
                m = masses[values[first]]
                return (1 - (m - 1) / (2 * n)) / max(depth + log2(m), 1)
            return 1 / (depth + 1)
        gap = max(low - x, x - high, 0.0)
        p = gap / (gap + high - low)
        below = 0.0
        for k in range(first, last):  # a cut between values k and k + 1; x goes left where it is at most the cut
            start, end = values[k], values[k + 1]
            left = min(max(end - max(x, start), 0.0), end - start) / (high - low)
            right = (end - start) / (high - low) - left
            below += left * score(first, k, depth + 1) if left > 0 else 0.0
            below += right * score(k + 1, last, depth + 1) if right > 0 else 0.0
        return p / (depth + 1) + (1 - p) * below

    return log2(max(n, 2)) * score(0, len(values) - 1, 0)


@pytest.fixture(scope="module")
def models() -> list[RandomCutForestModel]:
    """Forests of random trees, each over all readings; the spread between them tells what is chance."""
    rows = np.array([READINGS], np.float32).T
    every = np.tile(np.arange(len(rows)), (TREES // GROUPS, 1))
    return [RandomCutForestModel(grow(rows, every, seed=seed)) for seed in range(GROUPS)]


def answers(models: list[RandomCutForestModel], body: bytes, content_type: str) -> Doubles:
    """(forests, rows), as a client reads them."""
    scores = []
    for model in models:
        (prediction,) = model.predict([model.decode(Payload(body, MediaType.parse(content_type)))], threads=1)
        scores.append([row["score"] for row in json.loads(model.encode(prediction, JSON))["scores"]])
    return np.array(scores)


def require_expected(scores: Doubles, query: str, *, may_equal: bool) -> None:
    """The mean of `scores`, (forests,), is what is expected, within four standard errors."""
    error = scores.std(ddof=1) / np.sqrt(len(scores)) + 1e-5  # and what float32 rounds
    assert abs(scores.mean() - expected(query, may_equal=may_equal)) < 4 * error


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ("27", True),
        ("27.0", True),
        ("27.25", True),
        ("27.5", True),
        ("27.1", False),
        ("27.2", False),
        ("26.9", False),
        ("27.100000381469727", True),  # the float32 that 27.1 becomes, as Python writes it
        ("27.100000381", False),
        ("27.15", False),
        ("29.0", True),
        ("29.1", False),
        ("-3e4", True),
    ],
)
def test_in_text_a_number_that_float32_rounds_equals_no_stored_point(
    models: list[RandomCutForestModel], query: str, exact: bool
) -> None:
    bodies = {
        CSV: f"{query}\n",
        JSON: f'{{"instances":[{{"features":[{query}]}}]}}',
        JSON_LINES: f'{{"id": 7, "features": [{query}]}}\n',
    }
    in_csv, *others = [answers(models, body.encode(), content_type) for content_type, body in bodies.items()]
    require_expected(in_csv[:, 0], query, may_equal=exact)
    for other in others:
        np.testing.assert_array_equal(other, in_csv)


@pytest.mark.parametrize("query", ["27.0", "27.1", "27.2", "26.9", "29.1"])
def test_in_records_of_float32_every_number_may_equal_a_stored_point(
    models: list[RandomCutForestModel], query: str
) -> None:
    body = write_dense(np.array([[query]], np.float32))
    require_expected(answers(models, body, RECORDIO)[:, 0], query, may_equal=True)


def test_the_two_readings_of_a_stored_number_are_far_apart(models: list[RandomCutForestModel]) -> None:
    as_text = answers(models, b"27.1\n", CSV).mean()
    as_float32 = answers(models, write_dense(np.array([[27.1]], np.float32)), RECORDIO).mean()
    assert as_text > 1.5 * as_float32
