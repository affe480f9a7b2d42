"""SageMaker's kind of network: how it begins, and that training computes what inference does.

Its gradients beside autograd's are in `test_learner`, and with zoneout in `test_zoneout`.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.train import train
from forecastle.algorithms.deepar.training.windows import WindowSource
from tests.algorithms.deepar.waves import Recorded, learner_of, never, settings, waves

CONTEXT, FAR = 12, 1e4


def test_the_forget_gates_of_the_inputs_begin_open() -> None:
    theirs = learner_of("native", settings(network="sagemaker", time_freq="H", num_layers=3)).network().arrays()
    ours = learner_of("native", settings(network="gluonts", time_freq="H", num_layers=3)).network().arrays()
    for name, array in theirs.items():
        expected = ours[name].copy()
        if name.endswith("_input_bias"):
            expected[6:12] = 1  # of the gates input, forget, cell and output of six cells
        assert np.array_equal(array, expected), name


@pytest.mark.parametrize("network", ["gluonts", "sagemaker"])
def test_a_network_says_of_which_kind_it_is(network: str) -> None:
    made = learner_of("native", settings(network=network)).network()
    again = Network.from_artifact(made.parameters(), made.arrays())
    assert (again.reset_while_padded, again.missing_is_mean) == ((network == "sagemaker"),) * 2


@pytest.mark.parametrize(
    ("time_freq", "more"), [("D", ("week of year",)), ("7D", ("week of year",)), ("W", ()), ("H", ())]
)
def test_a_daily_network_of_sagemakers_kind_also_sees_the_week(time_freq: str, more: tuple[str, ...]) -> None:
    ours, theirs = (
        learner_of("native", settings(network=kind, time_freq=time_freq)).network() for kind in ("gluonts", "sagemaker")
    )
    assert theirs.date_features == ours.date_features + more
    again = Network.from_artifact(theirs.parameters(), theirs.arrays())
    assert again.date_features == theirs.date_features


@pytest.mark.parametrize(
    ("network", "known"),
    [
        *itertools.product(
            ["gluonts", "sagemaker"], [(60, ()), (60, (-1,)), (60, (-2, -5, -6)), (5, (-1, -4)), (1, ())]
        ),
        # The scale of a window without a value is that of its batch in GluonTS, and the model's in forecasts.
        ("sagemaker", (60, tuple(range(-CONTEXT, 0)))),
        ("sagemaker", (0, ())),
    ],
)
def test_training_expects_what_inference_does(network: str, known: tuple[int, tuple[int, ...]]) -> None:
    """By the absolute error of the step after the context, from a value above and one below what is expected."""
    length, gaps = known
    given = settings(
        likelihood="deterministic-L1",
        network=network,
        context_length=CONTEXT,
        prediction_length=1,
        dropout_rate=0.0,
        epochs=2,
    )
    trained = train(waves(), given, Recorded(), never).network
    target = np.random.default_rng(length).uniform(5, 15, length).astype(np.float32)
    target[list(gaps)] = np.nan
    series = Series(np.datetime64("2024-01-01", "s"), target)
    learner = learner_of("native", given)
    learner.restore(learner.state() | {f"weight {name}": array for name, array in trained.arrays().items()})
    errors = []
    for value in (-FAR, FAR):
        whole = replace(series, target=np.append(target, np.float32(value)))
        losses = learner.step(WindowSource([whole], given).batch(np.array([[0, length]])), 0.0, 0)
        errors.append(float(losses[0]) * (1 + np.isfinite(target[-CONTEXT:]).sum()))
    (predicted,) = forecast(trained, [series], num_samples=1, quantiles=[0.5], seed=0)
    assert predicted.mean[0] == pytest.approx((errors[0] - errors[1]) / 2, abs=0.02)
    assert abs(predicted.mean[0]) > 0.1


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_series_with_gaps_and_late_starts_are_learned(likelihood: str) -> None:
    rng, gappy = np.random.default_rng(0), []
    for index, series in enumerate(waves(24, likelihood=likelihood)):
        target = series.target[-(6 + 2 * index) :].copy()
        target[rng.random(len(target)) < 0.3] = np.nan
        gappy.append(replace(series, target=target))
    given = settings(likelihood=likelihood, network="sagemaker", epochs=25, context_length=16)
    trained = train(gappy, given, Recorded(), never)
    assert np.mean(trained.losses[-5:]) < np.mean(trained.losses[:5]) - 0.1
