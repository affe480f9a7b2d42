"""The test channel."""

import numpy as np
import pytest

from forecastle.algorithms.random_cut_forest.training.evaluation import measures


def test_measures_are_those_of_the_confusion_matrix() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = np.array([1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    assert measures(labels, found) == pytest.approx(
        {"accuracy": 6 / 8, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )


def test_where_nothing_was_found_precision_and_f1_are_zero() -> None:
    labels = np.array([1, 0, 0], dtype=bool)
    assert measures(labels, np.zeros(3, dtype=bool)) == pytest.approx(
        {"accuracy": 2 / 3, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    )
