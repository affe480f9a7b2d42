"""Random Cut Forest as a scikit-learn estimator."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from forecastle.algorithms import find
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.settings import EnvironmentSettings


@pytest.fixture(scope="module")
def points() -> NDArray[np.float64]:
    """(400, 3), a cloud and, last, a row far from it."""
    cloud = np.random.default_rng(5).normal(size=(400, 3))
    cloud[-1] = 12.0, -12.0, 0.0
    return cloud


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_s_own_checks_pass() -> None:
    outcomes = check_estimator(RandomCutForest())
    assert len(outcomes) > 40
    assert [o["check_name"] for o in outcomes if o["status"] == "failed"] == []
    # One that is left out wants SCIPY_ARRAY_API set, for estimators that take other libraries' arrays; one, pandas.
    left_out = {"check_array_api_input"} | (set() if find_spec("pandas") else {"check_classifier_data_not_an_array"})
    assert {o["check_name"] for o in outcomes if o["status"] == "skipped"} <= left_out


def test_an_outlier_scores_lowest_and_is_predicted_so(points: NDArray[np.float64]) -> None:
    forest = RandomCutForest(random_state=1).fit(points)
    assert forest.score_samples(points).argmin() == len(points) - 1
    assert forest.predict(points)[-1] == -1
    assert (forest.predict(points) == 1).mean() > 0.95
    np.testing.assert_allclose(forest.decision_function(points), forest.score_samples(points) - forest.offset_)


def test_contamination_sets_the_share_of_outliers(points: NDArray[np.float64]) -> None:
    forest = RandomCutForest(contamination=0.05, random_state=1)
    assert (forest.fit_predict(points) == -1).sum() == 20


def test_a_seed_makes_the_same_scores_with_any_number_of_threads(points: NDArray[np.float64]) -> None:
    one = RandomCutForest(random_state=3, n_jobs=1).fit(points).score_samples(points)
    two = RandomCutForest(random_state=3, n_jobs=2).fit(points).score_samples(points)
    other = RandomCutForest(random_state=4).fit(points).score_samples(points)
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_attribution_sums_to_the_anomaly_score_and_names_the_column_and_side(points: NDArray[np.float64]) -> None:
    forest = RandomCutForest(random_state=1).fit(points)
    high, low = forest.attribution(points)
    assert high.shape == low.shape == points.shape
    assert (high >= 0).all()
    assert (low >= 0).all()
    np.testing.assert_allclose((high + low).sum(axis=1), -forest.score_samples(points), rtol=1e-4)
    shares = np.stack([high[-1], low[-1]])
    assert shares[0, 0] > 3 * shares[1, 0]
    assert shares[1, 1] > 3 * shares[0, 1]
    assert shares[:, 2].sum() < shares[:, :2].sum() / 3


def test_decimals_score_as_the_points_they_are_whatever_their_dtype() -> None:
    rows = np.random.default_rng(0).choice([27.0, 27.1, 27.2, 27.3], (200, 1))
    wide, narrow = rows, rows.astype(np.float32)
    forest = RandomCutForest(random_state=0).fit(wide)
    again = RandomCutForest(random_state=0).fit(narrow)
    scores = forest.score_samples(wide)
    assert scores.tobytes() == forest.score_samples(narrow).tobytes() == again.score_samples(wide).tobytes()
    assert forest.score_samples([[27.1 + 1e-4]])[0] < scores[rows[:, 0] == 27.1].max()  # a new point scores lower


def test_every_tree_gets_its_own_draw_by_default_and_a_slice_of_time_as_sagemaker_has_it() -> None:
    rows = np.arange(1000.0)[:, np.newaxis]
    own = RandomCutForest(10, 50, random_state=0).fit(rows).forest_
    slices = RandomCutForest(10, 128, sampling="sagemaker", random_state=0).fit(rows).forest_
    assert own.num_samples == 500
    assert slices.num_samples == 1000
    ends = slices.leaf_offsets
    for tree in range(10):
        inside = np.sort(slices.leaf_points[ends[tree] : ends[tree + 1], 0])
        np.testing.assert_array_equal(inside, np.arange(100 * tree, 100 * tree + 100))
        spread = own.leaf_points[own.leaf_offsets[tree] : own.leaf_offsets[tree + 1], 0]
        assert np.ptp(spread) > 500


def test_a_dozen_rows_go_to_every_tree_whole() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 2))
    for sampling in ("independent", "sagemaker"):
        forest = RandomCutForest(50, sampling=sampling, random_state=0).fit(rows).forest_
        assert forest.num_samples == 50 * 12


def test_more_rows_than_the_forest_holds_are_sampled_as_sagemaker_samples_them() -> None:
    rows = np.arange(10_000.0)[:, np.newaxis]
    forest = RandomCutForest(50, 20, sampling="sagemaker", random_state=0).fit(rows).forest_
    assert forest.num_samples == 1000
    first_tree = forest.leaf_points[: forest.leaf_offsets[1], 0]
    assert np.ptp(first_tree) > 5_000  # in random order, so no tree sees one slice of time


def test_equal_rows_have_finite_scores_and_no_outliers() -> None:
    rows = np.full((300, 2), 7.0)
    forest = RandomCutForest(random_state=0).fit(rows)
    assert np.isfinite(forest.score_samples([[7.0, 7.0], [8.0, 7.0]])).all()
    assert (forest.predict(rows) == 1).all()
    assert forest.predict([[8.0, 7.0]]) == -1


def test_a_model_that_was_saved_scores_the_same_when_loaded(points: NDArray[np.float64], tmp_path: Path) -> None:
    forest = RandomCutForest(60, 128, random_state=1).fit(points)
    forest.save(tmp_path / "model")
    loaded = RandomCutForest.load(tmp_path / "model")
    assert loaded.get_params()["num_trees"] == 60
    assert loaded.offset_ == forest.offset_
    assert loaded.score_samples(points).tobytes() == forest.score_samples(points).tobytes()
    served = find("random_cut_forest").load(read_artifact(tmp_path / "model"), EnvironmentSettings())
    assert served.artifact().arrays.keys() == forest.forest_.arrays().keys()


def test_a_model_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="empty"):
        RandomCutForest.load(tmp_path)


def test_it_pickles_clones_and_works_in_a_pipeline(points: NDArray[np.float64]) -> None:
    forest = RandomCutForest(random_state=1).fit(points)
    again = pickle.loads(pickle.dumps(forest))
    assert again.score_samples(points).tobytes() == forest.score_samples(points).tobytes()
    pipeline = make_pipeline(StandardScaler(), clone(forest)).fit(points)
    assert pipeline.predict(points)[-1] == -1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"num_trees": 0}, "The 'num_trees' parameter of RandomCutForest must be an int in the range [1, inf). Got 0"),
        ({"num_samples_per_tree": 2.5}, "The 'num_samples_per_tree' parameter of RandomCutForest must be an int in"),
        ({"sampling": "all"}, "The 'sampling' parameter of RandomCutForest must be a str among"),
        ({"contamination": 0.7}, "The 'contamination' parameter of RandomCutForest must be 'auto' or a float in the"),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(parameters: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")):
        RandomCutForest(**parameters).fit([[1.0], [2.0]])  # type: ignore[arg-type]
