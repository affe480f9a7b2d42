"""Pieces of a batch: scales, and gradients that add up whatever the pieces are."""

from dataclasses import fields, replace

import numpy as np
import pytest

from forecastle.algorithms.deepar.scale import MINIMUM_SCALE, scales_of
from forecastle.algorithms.deepar.training.native.learner import NativeLearner
from forecastle.algorithms.deepar.training.native.plan import WIDTH
from forecastle.algorithms.deepar.training.windows import Windows, WindowSource
from tests.algorithms.deepar.waves import settings, waves


def test_a_scale_is_the_mean_magnitude_of_what_is_known_in_the_context() -> None:
    past = np.array([[100, 3, -1, 50], [100, 0, 0, 0], [100, 2, 8, 4]], np.float32)
    observed = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], np.float32)

    # The second holds zeros only, the third nothing: theirs is that of all, 4 over five values.
    np.testing.assert_allclose(scales_of(past, observed, 3), [2, 0.8, 0.8], rtol=1e-6)


def test_where_nothing_is_known_the_scale_is_the_least() -> None:
    nothing = np.zeros((2, 5), np.float32)

    np.testing.assert_array_equal(scales_of(nothing, nothing, 3), np.float32(MINIMUM_SCALE))


def test_a_scale_that_is_no_number_stays_so() -> None:
    past, observed = np.full((1, 3), np.nan, np.float32), np.ones((1, 3), np.float32)

    assert np.isnan(scales_of(past, observed, 3)).all()


@pytest.mark.parametrize("likelihood", ["student-T", "negative-binomial"])
def test_a_batch_learns_as_much_as_its_pieces_together(likelihood: str) -> None:
    given = settings(likelihood=likelihood, dropout_rate=0.0, cardinality=(2,), num_dynamic_feat=1)
    source = WindowSource(waves(likelihood=likelihood, cat=True, dynamic=True), given)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([source.draw(rng) for _ in range(3)])
    windows = source.batch(drawn[drawn[:, 1] > 8][: 2 * WIDTH + 5])

    def mean_gradient(part: slice) -> tuple[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], int]:
        taken: Windows = replace(windows, **{each.name: getattr(windows, each.name)[part] for each in fields(Windows)})
        fresh = NativeLearner(given, threads=1)
        fresh.step(taken, 0.001, 0)
        return {name: array for name, array in fresh.state().items() if name.startswith("mean ")}, len(taken)

    whole, count = mean_gradient(slice(None))
    parts = [mean_gradient(slice(first, first + 7)) for first in range(0, count, 7)]
    for name, gradient in whole.items():
        together = sum(part[name].astype(float) * size for part, size in parts) / count
        np.testing.assert_allclose(gradient, together, atol=2e-6 * np.abs(gradient).max() + 1e-9)
