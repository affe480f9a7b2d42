"""Alerts on a stream."""

import doctest
import math
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle import RandomCutForest, StreamWatcher
from forecastle.algorithms.random_cut_forest import watcher


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float64]:
    """(1200, 2), with single rows amiss and, from 800 on, another level."""
    stream = np.random.default_rng(3).normal(size=(1200, 2))
    stream[800:] += 30
    stream[400, 1] = -15.0
    stream[410, 1] = -12.0
    stream[420, 1] = -40.0
    return stream


def watching(**options: float) -> StreamWatcher:
    return StreamWatcher(RandomCutForest(50, 64, random_state=1), one_in=200, **options)  # type: ignore[arg-type]


def test_the_class_s_own_example_runs() -> None:
    outcome = doctest.testmod(watcher)
    assert outcome.attempted > 2
    assert outcome.failed == 0


def test_the_past_alone_decides_and_an_alert_mutes_all_but_higher_scores(rows: NDArray[np.float64]) -> None:
    found = watching().observe(rows)
    alerts = [number for number, each in enumerate(found) if each.alert]
    assert {400, 420} <= set(alerts)
    assert 410 not in alerts
    assert (found[400].column, found[400].high) == (1, False)
    assert found[410].score > found[410].threshold
    for before, after in pairwise(alerts):
        assert after - before > 100 or found[after].score > found[before].score
    assert any(800 <= alert < 810 for alert in alerts)
    assert all(each.score < each.threshold for each in found[1000:1100])  # the new level is ordinary by now
    assert repr(watching().observe(rows[:410])) == repr(found[:410])


def test_no_score_before_a_forest_and_no_threshold_before_enough_scores(rows: NDArray[np.float64]) -> None:
    found = watching(warm_up=60).observe(rows[:150])
    assert [math.isnan(each.score) for each in found] == [True] * 50 + [False] * 100
    assert [each.threshold == math.inf for each in found] == [True] * 110 + [False] * 40


def test_rows_one_by_one_and_after_a_pickle_are_judged_as_in_one_call(rows: NDArray[np.float64]) -> None:
    whole = watching().observe(rows[:460])
    divided = watching()
    found = [each for row in rows[:130] for each in divided.observe(row[np.newaxis])]
    divided = pickle.loads(pickle.dumps(divided))
    found += divided.observe(rows[130:460])
    assert repr(found) == repr(whole)


def test_one_row_in_so_many_is_above_the_threshold() -> None:
    stream = np.random.default_rng(0).normal(size=(12_000, 1))
    forest = RandomCutForest(50, 64, random_state=1)
    found = StreamWatcher(forest, one_in=100, mute=0, refit_every=1000).observe(stream)
    assert 80 < sum(each.alert for each in found[2000:]) < 125


def test_every_row_but_the_lowest_can_be_above_the_threshold(rows: NDArray[np.float64]) -> None:
    found = StreamWatcher(RandomCutForest(50, 64, random_state=1), one_in=1, mute=0).observe(rows)
    scores = [each.score for each in found[50:]]  # before, there is no forest
    assert [each.threshold for each in found[150:]] == [min(scores[:number]) for number in range(100, len(scores))]


def test_a_forest_without_its_past_is_refused(rows: NDArray[np.float64], tmp_path: Path) -> None:
    RandomCutForest(10, 16).fit(rows).save(tmp_path / "model")
    with pytest.raises(ValueError, match="expected an estimator with the rows it was fitted to, got a loaded model"):
        StreamWatcher(RandomCutForest.load(tmp_path / "model"))


def test_rows_amiss_are_refused_and_none_of_them_is_observed(rows: NDArray[np.float64]) -> None:
    watcher, other = watching(), watching()
    watcher.observe(rows[:60])
    other.observe(rows[:60])
    for wrong, sentence in (
        ([[1.0, 2.0], [1.0, float("inf")]], r"rows\[1, 1\]: expected a finite number, got inf"),
        ([[1e39, 2.0]], r"rows\[0, 0\]: expected a finite number, got 1e\+39"),
        ([[1.0]], "expected 2 columns, got 1"),
        ([1.0, 2.0], "expected an array of"),
    ):
        with pytest.raises(ValueError, match=sentence):
            watcher.observe(wrong)
    assert repr(watcher.observe(rows[60:120])) == repr(other.observe(rows[60:120]))
    with pytest.raises(ValueError, match="mute: expected a number of at least 0, got -1"):
        watching(mute=-1)
    with pytest.raises(ValueError, match=r"refit_every: expected a whole number, got 50\.5"):
        watching(refit_every=50.5)
