"""The native engine's losses and gradients are those of PyTorch's autograd in float64."""

import numpy as np
import pytest

from forecastle.algorithms.seq2seq.training.native.learner import NativeLearner
from forecastle.algorithms.seq2seq.training.settings import Regularization
from tests.algorithms.seq2seq.golden_networks import NAMES, golden

SMOOTHING = 0.1  # as in golden/make.py


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_gradients_are_pytorchs(name: str) -> None:
    case = golden(name)
    learner = NativeLearner(case.network, Regularization(label_smoothing=SMOOTHING), threads=1)
    for outcome in (learner.evaluate(case.batch), learner.gradients(case.batch, seed=1)):
        assert outcome.negative_log_likelihood == pytest.approx(case.negative_log_likelihood, rel=1e-5)
        assert (outcome.tokens, outcome.correct) == (case.batch.target_lengths.sum(), case.correct)
    gradients = learner.gradient_arrays()
    assert gradients.keys() == case.gradients.keys()
    largest = max(np.abs(array).max() for array in case.gradients.values())
    for each, expected in case.gradients.items():
        assert np.abs(gradients[each] - expected).max() < 1e-6 * largest, each
