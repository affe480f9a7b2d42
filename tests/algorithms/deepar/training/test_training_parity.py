"""How good what is learned is: our engines beside GluonTS' estimator and seasonal naive, on a real customer.

A small one of `benchmarks/deepar_parity.py`: forecasts of two days, two trainings of each.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.deepar_parity import naive_loss, trained_loss
from benchmarks.deepar_tasks import Task
from benchmarks.gluonts_mxnet import Asked
from benchmarks.real_series import ELECTRICITY_START, FOLDER, electricity
from forecastle.algorithms.deepar.series import Series
from tests.algorithms.deepar.waves import needs_mxnet

HORIZON, FORECASTS, SEEDS = 24, 14, 2
LENGTH = 5_000  # steps: GluonTS computes the features of all of them for each window
LEFT_OUT = 8 * 84  # the last weeks of the year, in steps: at Christmas nobody forecasts well
NOISE = 1.15  # two trainings' mean loss over that of two others

pytestmark = pytest.mark.skipif(
    not Path(FOLDER).is_dir(), reason="the customer's load is not here: it lies in shared/data beside the checkout"
)


@pytest.fixture(scope="module")
def task() -> Task:
    whole = electricity()[:-LEFT_OUT].astype(np.float32)
    load = whole[-LENGTH:]
    start = np.datetime64(ELECTRICITY_START.replace(" ", "T"), "s") + (len(whole) - LENGTH) * np.timedelta64(2, "h")
    ends = [len(load) - HORIZON * count for count in range(FORECASTS, 0, -1)]
    known = [Series(start, load[:end]) for end in ends]
    observed = np.stack([load[end : end + HORIZON] for end in ends])
    asked = Asked(freq="2H", context_length=HORIZON, prediction_length=HORIZON, epochs=30, batch_size=32, cells=20)
    return Task(asked, known[:1], known, observed, season=84)


def mean_loss(trainer: str, task: Task) -> float:
    return float(np.mean([trained_loss(trainer, task, seed)[0] for seed in range(SEEDS)]))


@pytest.mark.parametrize("trainer", ["native", "native sagemaker"])
def test_what_is_learned_is_well_ahead_of_last_week_again(trainer: str, task: Task) -> None:
    assert mean_loss(trainer, task) < 0.8 * naive_loss(task)[0]


@needs_mxnet
@pytest.mark.filterwarnings("ignore")  # GluonTS' own, of pandas and numpy
def test_our_trainer_is_as_good_as_the_reference_and_as_gluonts(task: Task) -> None:
    ours = mean_loss("native", task)
    assert ours < NOISE * mean_loss("mxnet", task)
    assert ours < NOISE * mean_loss("gluonts", task)
