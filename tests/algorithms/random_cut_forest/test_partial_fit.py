"""The estimator on a stream: rows that come little by little."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import clone

from forecastle.algorithms.random_cut_forest import RandomCutForest

ROWS = np.random.default_rng(8).normal(size=(900, 2))


def grown(forest: RandomCutForest) -> list[bytes]:
    return [array.tobytes() for array in forest.forest_.arrays().values()] + [repr(forest.offset_).encode()]


def added(pieces: list[NDArray[np.float64]], **parameters: object) -> RandomCutForest:
    forest = RandomCutForest(10, 32, random_state=4, **parameters)  # type: ignore[arg-type]
    for piece in pieces:
        forest.partial_fit(piece)
    return forest


@settings(deadline=None, max_examples=25)
@given(st.integers(1, len(ROWS)), st.sampled_from(["independent", "sagemaker"]), st.data())
def test_the_forest_depends_on_the_rows_and_not_on_how_they_came(
    count: int, sampling: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, count), max_size=5)) - {count})
    whole, forest = added([ROWS[:count]], sampling=sampling), added([], sampling=sampling)
    for piece in np.split(ROWS[:count], cuts):
        forest.partial_fit(piece)
        if data.draw(st.booleans()):
            forest.score_samples(ROWS[:3])
    assert grown(forest) == grown(whole)


@pytest.mark.parametrize("sampling", ["independent", "sagemaker"])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_while_all_rows_are_kept_the_forest_is_that_of_fit(sampling: str, contamination: object) -> None:
    parameters = {"sampling": sampling, "contamination": contamination}
    fitted = added([], **parameters).fit(ROWS[:320])
    assert grown(added([ROWS[:100], ROWS[100:320]], **parameters)) == grown(fitted)
    assert grown(added([], **parameters).fit(ROWS[:100]).partial_fit(ROWS[100:320])) == grown(fitted)


def test_a_longer_past_is_a_sample_of_bounded_size_that_every_row_can_enter() -> None:
    forest = added(np.split(np.arange(20_000.0)[:, np.newaxis], 100))
    assert len(pickle.dumps(forest)) < 100_000
    points = forest.forest_.leaf_points[:, 0]
    assert 9_000 < points.mean() < 11_000
    assert points.max() > 19_000
    assert len(np.unique(points)) <= 320


def test_what_was_unusual_becomes_usual() -> None:
    forest = RandomCutForest(random_state=0).fit(ROWS)
    before = forest.score_samples([[6.0, 6.0]])[0]
    assert forest.predict([[6.0, 6.0]]).tolist() == [-1]
    forest.partial_fit(ROWS + 6)
    assert forest.score_samples([[6.0, 6.0]])[0] > before / 2
    assert forest.predict([[6.0, 6.0], [20.0, -20.0]]).tolist() == [1, -1]


def test_a_pickle_has_the_past_a_clone_and_a_fit_forget_it() -> None:
    forest = added([ROWS[:500]])
    again = pickle.loads(pickle.dumps(forest))
    assert grown(again.partial_fit(ROWS[500:])) == grown(forest.partial_fit(ROWS[500:]))
    assert not hasattr(clone(forest), "forest_")
    assert grown(clone(forest).partial_fit(ROWS[:50])) == grown(forest.fit(ROWS[:50]))


def test_rows_of_another_width_or_without_a_number_are_refused_and_change_nothing() -> None:
    forest = added([ROWS[:100]])
    with pytest.raises(ValueError, match="3 features, but RandomCutForest is expecting 2"):
        forest.partial_fit(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="NaN"):
        forest.partial_fit([[1.0, float("nan")]])
    assert grown(forest) == grown(added([ROWS[:100]]))


def test_a_loaded_model_has_no_past_to_add_to(tmp_path: Path) -> None:
    added([ROWS[:100]]).save(tmp_path / "model")
    loaded = RandomCutForest.load(tmp_path / "model")
    with pytest.raises(ValueError, match=r"^partial_fit: expected an estimator with the rows it was fitted to"):
        loaded.partial_fit(ROWS)
    loaded.fit(ROWS[:50]).partial_fit(ROWS[50:100])
    assert len(loaded.score_samples(ROWS)) == len(ROWS)
