"""The client for anomaly scores, wherever the model is."""

import doctest
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecastle import PredictorError, RandomCutForest, RandomCutForestPredictor
from forecastle.algorithms.random_cut_forest import predictor as module
from tests.serving.running_server import RunningServer


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Whole numbers: text and float32 have them both."""
    times = pd.date_range("2024-01-01", periods=3_000, freq="30min", name="timestamp")
    values = np.random.default_rng(0).integers(0, 100, (3_000, 2)).astype(np.float64)
    values[1_700] = 900.0, -900.0
    return pd.DataFrame(values, times, columns=["rides", "tips"])


@pytest.fixture(scope="module")
def forest(table: pd.DataFrame) -> RandomCutForest:
    return RandomCutForest(num_trees=50, random_state=1).fit(table)


@pytest.fixture(scope="module")
def server(forest: RandomCutForest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("ml")
    forest.save(base / "model")
    with RunningServer(base, {"MAX_CONTENT_LENGTH": "15000"}) as running:
        running.await_ready()
        yield running


def test_the_example_of_its_docstring_runs() -> None:
    results = doctest.testmod(module)
    assert results.attempted > 3
    assert results.failed == 0


def test_scores_come_back_on_the_index_in_pieces_if_need_be(
    server: RunningServer, forest: RandomCutForest, table: pd.DataFrame
) -> None:
    wanted = -forest.score_samples(table)
    for target in (server.url, forest):
        scored = RandomCutForestPredictor(target).predict(table)
        assert list(scored.columns) == ["score"]
        pd.testing.assert_series_equal(scored["score"], wanted, check_names=False, rtol=1e-6)
        assert scored["score"].idxmax() == table.index[1_700]
    scores = RandomCutForestPredictor(server.url).predict(table.to_numpy())
    np.testing.assert_allclose(scores, wanted, rtol=1e-6)
    assert {line["status"] for line in server.lines("request")} >= {200, 413}


def test_attribution_has_the_columns(server: RunningServer, forest: RandomCutForest, table: pd.DataFrame) -> None:
    odd = table.iloc[1_700:1_701]
    for high, low in (
        RandomCutForestPredictor(server.url).attribution(odd),
        RandomCutForestPredictor(forest).attribution(odd),
        forest.attribution(odd),
    ):
        assert list(high.columns) == list(low.columns) == ["rides", "tips"]
        pd.testing.assert_index_equal(high.index, odd.index)
        assert high["rides"].iloc[0] > 3 * low["rides"].iloc[0]
        assert low["tips"].iloc[0] > 3 * high["tips"].iloc[0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[1.0, np.nan]], r"^X\[0, 1\]: expected a finite number, got nan\.$"),
        ([1.0, 2.0], r"^X: expected rows of numbers, \(rows, columns\), got an array of shape \(2,\)\.$"),
        ([["a", "b"]], r"^X: expected rows of numbers, got something else in some of them\.$"),
    ],
)
def test_what_cannot_be_sent_is_refused(server: RunningServer, rows: list[object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RandomCutForestPredictor(server.url).predict(rows)


def test_what_the_model_refuses_is_an_error_of_the_predictor(server: RunningServer, forest: RandomCutForest) -> None:
    for target in (server.url, forest):
        with pytest.raises(PredictorError, match="columns") as refused:
            RandomCutForestPredictor(target).predict([[1.0, 2.0, 3.0]])
        assert refused.value.status == 400
    with pytest.raises(ValueError, match=r"expected a fitted RandomCutForest, got RandomCutForest that is not fitted"):
        RandomCutForestPredictor(RandomCutForest())


def test_its_picture_has_times_values_scores_and_dots(forest: RandomCutForest, table: pd.DataFrame) -> None:
    scores = -forest.score_samples(table)
    cases = [
        (forest.plot(table, column="tips"), -forest.offset_),
        (RandomCutForestPredictor(forest).plot(table, column="tips", sigmas=4), scores.mean() + 4 * scores.std(ddof=0)),
    ]
    for figure, cutoff in cases:
        left, right = figure.axes
        assert (left.get_ylabel(), right.get_ylabel()) == ("tips", "Anomaly score")
        np.testing.assert_array_equal(left.get_lines()[0].get_ydata(), table["tips"])
        dots = next(line for line in right.get_lines() if line.get_marker() == "o")
        assert np.size(dots.get_xdata()) == (scores > cutoff).sum() > 0
    with pytest.raises(ValueError, match=r"^column: expected the name of a column of X, got 'tolls'\.$"):
        forest.plot(table, column="tolls")
    with pytest.raises(ValueError, match=r"^column: expected a number from 0 to 1, got 7\.$"):
        RandomCutForestPredictor(forest).plot(table.to_numpy(), column=7)


def test_results_of_the_estimator_keep_the_index(table: pd.DataFrame) -> None:
    one = RandomCutForest(num_trees=50, random_state=0).fit(table["rides"])
    assert list(one.feature_names_in_) == ["rides"]
    for result in (one.score_samples, one.decision_function, one.predict, one.fit_predict):
        pd.testing.assert_index_equal(result(table["rides"]).index, table.index)
    rows = table[["rides"]].to_numpy()
    assert isinstance(RandomCutForest(num_trees=50).fit(rows).predict(rows), np.ndarray)


def test_a_folder_is_asked_in_this_process(forest: RandomCutForest, table: pd.DataFrame, tmp_path: Path) -> None:
    forest.save(tmp_path / "model")
    scored = RandomCutForestPredictor(tmp_path / "model").predict(table)
    pd.testing.assert_series_equal(scored["score"], -forest.score_samples(table), check_names=False, rtol=1e-6)
