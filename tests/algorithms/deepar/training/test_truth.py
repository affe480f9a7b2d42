"""Forecasts of series whose law is known: small ones of `benchmarks/deepar_truth.py`."""

import pytest
from scipy.special import ndtr
from scipy.stats import norm

from benchmarks.deepar_truth import DECILES, ar1, ar1_law, normal_loss, quantiles_of, sloped, slopes, trained


def test_a_process_of_the_first_order_with_gaps_is_forecast_nearly_as_its_law_does() -> None:
    series = ar1(missing=0.3)
    quantiles = quantiles_of(trained(series, 1, epochs=50, learning_rate="0.002", mini_batch_size="32"), series)
    mean, spread = ar1_law(series)
    normal = norm.ppf(DECILES)[:, None, None]
    best, unconditional = (normal_loss(mean, spread, each + spread * normal) for each in (mean, mean[:, -1:].mean()))
    loss = normal_loss(mean, spread, quantiles)
    assert 1 <= loss.sum() / best.sum() < 1.2
    # What came last is used.
    assert loss[:, :, :5].sum() / best[:, :, :5].sum() < 1.2 < unconditional[:, :, :5].sum() / best[:, :, :5].sum()
    low, high = (ndtr((quantiles[index] - mean) / spread) for index in (0, 8))
    assert (high - low).mean() == pytest.approx(0.8, abs=0.15)


def test_a_feature_has_the_effect_that_it_has_in_its_category() -> None:
    network = trained(sloped(), 1, epochs=25, likelihood="gaussian", learning_rate="0.003", mini_batch_size="32")
    up, down = slopes(network)
    assert up == pytest.approx(2, abs=0.7)
    assert down == pytest.approx(-2, abs=0.7)
