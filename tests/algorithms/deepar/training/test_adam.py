"""A step of Adam, number by number."""

import numpy as np
import pytest

from forecastle.algorithms.deepar.training.adam import descend, learning_rate_at

vectors = tuple[np.ndarray[tuple[int], np.dtype[np.float32]], ...]


def stepped(gradients: list[list[float]], factor: float = 1.0, weight: float = 0.5) -> vectors:
    sums = np.array(gradients, np.float32)
    weights, means, variances = (np.full(sums.shape[1], start, np.float32) for start in (weight, 0.0, 0.0))
    descend(weights, means, variances, sums, factor, 0.01)
    return weights, means, variances


def test_the_rows_of_the_gradients_are_added_up_and_scaled() -> None:
    _, means, variances = stepped([[1.0, -2.0], [3.0, 1.0]], factor=0.5)

    np.testing.assert_allclose(means, [0.2, -0.05], rtol=1e-6)
    np.testing.assert_allclose(variances, [0.004, 0.00025], rtol=1e-4)


def test_a_gradient_is_clipped_with_the_decay_in_it() -> None:
    _, means, _ = stepped([[1e3, -np.inf, 9.0, 0.0]], weight=1e8)

    np.testing.assert_allclose(means, [1.0, -1.0, 1.0, 0.1], rtol=1e-6)


def test_a_gradient_that_is_no_number_is_not_hidden() -> None:
    weights, means, _ = stepped([[np.nan]])

    assert np.isnan(weights).all()
    assert np.isnan(means).all()


def test_epsilon_is_added_after_the_correction() -> None:
    weights, means, variances = stepped([[1e-7]], weight=0.0)

    np.testing.assert_allclose(weights, -0.01 * means / (np.sqrt(variances) + np.float32(1e-8)), rtol=1e-6)
    assert learning_rate_at(0.01, 1) == pytest.approx(0.01 * 0.001**0.5 / 0.1)
