"""Micro-batches: gradients add up to the same however a batch is cut."""

from dataclasses import fields, replace

import numpy as np
import pytest

from forecastle.algorithms.deepar.training.native.learner import NativeLearner
from forecastle.algorithms.deepar.training.native.plan import WIDTH
from forecastle.algorithms.deepar.training.windows import Windows, WindowSource
from tests.algorithms.deepar.waves import settings, waves


@pytest.mark.parametrize("likelihood", ["student-T", "negative-binomial"])
def test_a_batch_learns_as_much_as_its_parts_together(likelihood: str) -> None:
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
