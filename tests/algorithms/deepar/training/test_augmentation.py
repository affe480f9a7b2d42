"""Training windows that are multiplied by random factors."""

from dataclasses import replace

import numpy as np
import pytest

from forecastle.algorithms.deepar.training.train import train
from forecastle.algorithms.deepar.training.windows import WindowSource
from forecastle.contract.errors import InvalidJob
from tests.algorithms.deepar.waves import Recorded, learner_of, never, settings, waves


@pytest.mark.parametrize("likelihood", ["student-T", "gaussian"])
def test_the_loss_of_multiplied_windows_without_the_factor_is_that_of_the_windows(likelihood: str) -> None:
    given = settings(likelihood=likelihood, dropout_rate=0.0)
    source = WindowSource(waves(), given)
    windows = source.batch(source.draw(np.random.default_rng(0))[:16])
    learner = learner_of("native", given)
    for layer in (weights := learner.state()):
        if layer.startswith("weight layer0_input_weight"):
            weights[layer][:, -1] = 0  # the weights of log(scale): all else does not depend on the scale
    learner.restore(weights)
    plain = learner.step(windows, 0.0, 0)
    factors = np.exp(np.random.default_rng(1).normal(size=len(windows))).astype(np.float32)
    assert learner.step(windows.scaled(factors), 0.0, 0) - np.log(factors) == pytest.approx(plain, abs=1e-4)


def test_a_network_that_saw_all_magnitudes_forecasts_series_of_another() -> None:
    series = waves(24, 80)
    thousand = [replace(one, target=1000 * one.target) for one in series]
    losses = []
    for spread in (0.0, 2.0):
        given = settings(epochs=12, scale_augmentation=spread, dropout_rate=0.0)
        network = train(series, given, Recorded(), never).network
        source, learner = WindowSource(thousand, given), learner_of("native", given)
        state = learner.state()
        learner.restore(state | {f"weight {name}": array for name, array in network.arrays().items()})
        windows = source.batch(source.draw(np.random.default_rng(0))[:200])
        losses.append(float(learner.step(windows, 0.0, 0).mean()) - np.log(1000))
    assert losses[1] < losses[0] - 0.05


def test_losses_and_the_network_depend_on_it_and_repeat_with_the_seed() -> None:
    first, again, without = (
        train(waves(), settings(epochs=2, scale_augmentation=spread), Recorded(), never) for spread in (1.0, 1.0, 0.0)
    )
    assert first.losses == again.losses != without.losses
    assert first.losses == pytest.approx(without.losses, abs=0.5)


@pytest.mark.parametrize("likelihood", ["negative-binomial", "beta", "deterministic-L1"])
def test_values_that_cannot_be_multiplied_are_refused(likelihood: str) -> None:
    with pytest.raises(InvalidJob) as refused:
        settings(likelihood=likelihood, scale_augmentation=1.0)
    assert refused.value.sentence == (
        f"Hyperparameter scale_augmentation must be 0 with likelihood {likelihood}. Got '1.0'."
    )
