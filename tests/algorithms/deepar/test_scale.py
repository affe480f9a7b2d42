"""The scales of windows."""

import numpy as np

from forecastle.algorithms.deepar.scale import MINIMUM_SCALE, scales_of


def test_a_scale_is_the_mean_magnitude_of_what_is_known_in_the_context() -> None:
    past = np.array([[100, 3, -1, 50], [100, 0, 0, 0], [100, 2, 8, 4]], np.float32)
    observed = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], np.float32)

    # The second holds zeros only, the third nothing: theirs is that of all, 4 over five values.
    np.testing.assert_allclose(scales_of(past, observed, 3, 0.0), [2, 0.8, 0.8], rtol=1e-6)
    np.testing.assert_allclose(scales_of(past, observed, 3, 7.0), [2, 7, 7], rtol=1e-6)


def test_where_nothing_is_known_the_scale_is_the_least() -> None:
    nothing = np.zeros((2, 5), np.float32)

    np.testing.assert_array_equal(scales_of(nothing, nothing, 3, 0.0), np.float32(MINIMUM_SCALE))


def test_a_scale_that_is_no_number_stays_so() -> None:
    past, observed = np.full((1, 3), np.nan, np.float32), np.ones((1, 3), np.float32)

    assert np.isnan(scales_of(past, observed, 3, 0.0)).all()
