"""The metrics."""

import numpy as np
import pytest

from forecastle.algorithms.deepar.training.metrics import losses_of, metrics_of

LEVELS = [0.1, 0.5]


def test_quantile_losses_weigh_values_above_and_below_as_in_the_developer_guide() -> None:
    observed = np.array([[10.0, 20.0]])
    mean = np.array([[13.0, 16.0]])
    quantiles = np.array([[[12.0, 15.0]], [[10.0, 24.0]]])
    metrics = metrics_of(losses_of(observed, mean, quantiles, LEVELS), LEVELS)
    low, median = 2 * (0.9 * 2 + 0.1 * 5) / 30, 2 * (0.5 * 4) / 30
    assert metrics == pytest.approx(
        {
            "RMSE": np.sqrt((9 + 16) / 2),
            "mean_absolute_QuantileLoss": (low + median) / 2 * 30,
            "mean_wQuantileLoss": (low + median) / 2,
            "wQuantileLoss[0.1]": low,
            "wQuantileLoss[0.5]": median,
        }
    )


def test_coverage_is_the_share_of_values_in_the_band_between_two_levels() -> None:
    levels = [0.05, 0.3, 0.95, 0.7, 0.5]
    observed = np.array([0.0, 1.0, 2.0, 3.0, np.nan])
    quantiles = np.repeat([[0.5], [1.0], [9.0], [2.5], [1.5]], 5, axis=1)  # (levels, values)
    metrics = metrics_of(losses_of(observed, observed, quantiles, levels), levels)
    coverage = {name: value for name, value in metrics.items() if name.startswith("coverage")}
    assert coverage == {"coverage[0.9]": 0.75, "coverage[0.4]": 0.5}


def test_missing_values_are_left_out() -> None:
    rng = np.random.default_rng(3)
    observed, mean, quantiles = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), rng.normal(size=(2, 3, 5))
    observed[1] = np.nan
    with_gap = metrics_of(losses_of(observed, mean, quantiles, LEVELS), LEVELS)
    kept = [0, 2]
    assert with_gap == metrics_of(losses_of(observed[kept], mean[kept], quantiles[:, kept], LEVELS), LEVELS)


def test_losses_of_parts_add_up_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(4)
    observed, mean, quantiles = rng.normal(size=(7, 5)), rng.normal(size=(7, 5)), rng.normal(size=(2, 7, 5))
    whole = losses_of(observed, mean, quantiles, LEVELS)
    parts = losses_of(observed[:3], mean[:3], quantiles[:, :3], LEVELS)
    parts += losses_of(observed[3:], mean[3:], quantiles[:, 3:], LEVELS)
    assert metrics_of(parts, LEVELS) == pytest.approx(metrics_of(whole, LEVELS))


def test_where_all_is_zero_the_weighted_losses_are_not_finite_and_the_others_are() -> None:
    zeros = np.zeros((1, 2))
    metrics = metrics_of(losses_of(zeros, zeros + 1, np.ones((2, 1, 2)), LEVELS), LEVELS)
    assert metrics["RMSE"] == 1
    assert metrics["mean_absolute_QuantileLoss"] == pytest.approx((2 * 0.9 * 2 + 2 * 0.5 * 2) / 2)
    assert not np.isfinite(metrics["mean_wQuantileLoss"])
