"""The second half of SageMaker's notebook on electricity: special days, categories and missing values."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.train import train
from tests.algorithms.deepar.waves import Recorded, never, settings

DAYS, HORIZON, SPECIAL = 200, 7, 3  # the fourth day ahead is a special one
UPLIFT = 1.6
START = np.datetime64("2023-01-02T00:00:00", "s")
LEVELS = np.array([40.0, 400.0])  # of the two categories


def customers(*, feature: bool) -> list[Series]:
    """Days of customers with a weekly rhythm, a tenth of them missing; on special days they use 1.6 times as much."""
    rng = np.random.default_rng(8)
    found = []
    for number in range(16):
        category = number % 2
        special = (rng.random(DAYS + HORIZON) < 0.12).astype(np.float32)
        special[DAYS:] = np.arange(HORIZON) == SPECIAL
        week = 1 + 0.3 * np.sin(2 * np.pi * np.arange(DAYS) / 7 + category)
        use = LEVELS[category] * week * UPLIFT ** special[:DAYS] * (1 + 0.04 * rng.standard_normal(DAYS))
        use[rng.random(DAYS) < 0.1] = np.nan
        dynamic = special[np.newaxis] if feature else None
        found.append(Series(START, use.astype(np.float32), (category,), dynamic))
    return found


def trained(series: Sequence[Series], dynamic: int) -> Network:
    past = [
        Series(one.start, one.target, one.cat, None if one.dynamic_feat is None else one.dynamic_feat[:, :DAYS])
        for one in series
    ]
    given = settings(
        context_length=14,
        prediction_length=HORIZON,
        cardinality=(2,),
        num_dynamic_feat=dynamic,
        num_cells=20,
        learning_rate=0.01,
        mini_batch_size=32,
        epochs=20,
        default_scale=200.0,
    )
    return train(past, given, Recorded(), never).network


def uplifts(network: Network, series: Sequence[Series]) -> NDArray[np.float64]:
    """For each series, the median of the special day over what an ordinary one of its week's would be, (series,)."""
    forecasts = forecast(network, series, num_samples=200, quantiles=[0.5], seed=1)
    ordinary = 1 + 0.3 * np.sin(2 * np.pi * (DAYS + SPECIAL) / 7 + np.arange(2))
    medians = np.array([one.quantiles[0, SPECIAL] for one in forecasts])
    uplift: NDArray[np.float64] = np.divide(medians, np.tile(LEVELS * ordinary, len(series) // 2))
    return uplift


@pytest.mark.parametrize("knows", [True, False])
def test_who_knows_the_special_days_forecasts_their_uplift_and_who_does_not_misses_it(knows: bool) -> None:
    series = customers(feature=knows)
    found = uplifts(trained(series, int(knows)), series)
    assert found.mean() == pytest.approx(UPLIFT if knows else 1.0, abs=0.2)
    assert (found > 1.3).all() if knows else (found < 1.3).all()
