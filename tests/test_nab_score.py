"""The scorer of `benchmarks.nab`, on a case small enough to compute by hand."""

import numpy as np
import pytest

from benchmarks.nab_score import PROFILES, Scored, benchmark_score, totals_by_threshold

WINDOWS = np.array([[10, 14]])


def scored() -> Scored:
    """20 rows, of which the first 3 are not scored; one false alarm before the window, two rows in it, one after."""
    scores = np.zeros(20)
    scores[[1, 5, 14, 10, 16]] = 1.0, 0.9, 0.8, 0.7, 0.6
    return Scored(scores, WINDOWS)


def test_each_threshold_s_total_is_what_its_detections_are_worth() -> None:
    totals, thresholds = totals_by_threshold([scored()], PROFILES["standard"])
    late = (2 / (1 + np.exp(-1.0)) - 1) / (2 / (1 + np.exp(-5.0)) - 1)  # a fifth of the window before its end
    after = 2 / (1 + np.exp(2.5)) - 1  # half a window after it
    expected = [-1.0, -1.11, -0.11 + late, -0.11 + 1.0, -0.11 + 1.0 + 0.11 * after]
    np.testing.assert_allclose(totals[:5], expected)
    np.testing.assert_allclose(thresholds[:5], [np.inf, 0.9, 0.8, 0.7, 0.6])


@pytest.mark.parametrize(
    ("profile", "score"),
    [
        ("standard", 100 * (0.89 + 1) / 2),
        ("reward_low_FP_rate", 100 * (0.78 + 1) / 2),
        ("reward_low_FN_rate", 100 * (0.89 + 2) / 3),
    ],
)
def test_the_best_threshold_s_total_is_scaled_from_no_detection_to_all(profile: str, score: float) -> None:
    assert benchmark_score([scored()], PROFILES[profile]) == pytest.approx((score, 0.7))


def test_a_given_threshold_is_kept_and_windows_of_several_files_are_counted_apart() -> None:
    silent = Scored(np.zeros(20), WINDOWS)
    assert benchmark_score([scored(), silent], PROFILES["standard"], 0.65)[0] == pytest.approx(100 * 1.89 / 4)
    assert benchmark_score([scored(), silent], PROFILES["standard"], 2.0)[0] == 0.0
