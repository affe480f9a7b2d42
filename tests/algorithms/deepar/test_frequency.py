"""Frequencies, time features and lags, beside GluonTS' own."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.contract.errors import InvalidData

FREQUENCIES = [
    *(f"{n}M" for n in (1, 2, 3, 5, 6, 7, 12, 13, 40)),
    *(f"{n}W" for n in (1, 2, 3, 4, 5, 9, 13, 26, 52, 53, 60)),
    *(f"{n}D" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 28, 30, 31, 90, 365, 400)),
    *(f"{n}H" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 23, 24, 25, 36, 48, 100, 168, 169)),
    *(f"{n}min" for n in (1, 2, 3, 4, 5, 7, 10, 11, 15, 17, 20, 30, 45, 59, 60, 61, 90, 100, 120, 1440, 1441, 10080)),
]
STARTS = [
    "1970-01-01 00:00:00",
    "1969-12-31 23:59:59",
    "1899-12-30 12:34:56",
    "2000-02-28 23:58:00",
    "2004-02-29 00:00:00",
    "2008-12-29 01:30:00",  # a Monday of the next year's first week
    "2009-12-31 22:00:00",  # in a year with 53 weeks
    "2010-01-03 23:59:59",  # a Sunday of the last year's week 53
    "2016-01-31 05:45:10",
    "2019-12-30 00:00:00",
    "2020-02-29 07:07:07",
    "2100-02-28 00:00:00",
]


@pytest.mark.mxnet
@pytest.mark.parametrize("time_freq", FREQUENCIES)
@pytest.mark.filterwarnings("ignore:.* is deprecated:FutureWarning")  # pandas 2 wants 'h' for 'H'
def test_the_lags_are_those_of_gluonts(time_freq: str) -> None:
    import gluonts.time_feature as gluonts

    expected = gluonts.get_lags_for_frequency(gluonts_spelling(time_freq))

    assert list(Frequency.parse(time_freq).lags) == expected


@pytest.mark.mxnet
@pytest.mark.parametrize("time_freq", FREQUENCIES)
@pytest.mark.filterwarnings("ignore:.* is deprecated:FutureWarning")
def test_the_features_are_those_of_gluonts_for_every_start(time_freq: str) -> None:
    import gluonts.time_feature as gluonts
    import pandas as pd

    features = gluonts.time_features_from_frequency_str(gluonts_spelling(time_freq))
    frequency = Frequency.parse(time_freq)
    for start in STARTS:
        index = pd.period_range(pd.Period(start, freq=time_freq), periods=900, freq=time_freq)
        expected = np.vstack([feature(index) for feature in features]).astype(np.float32)

        ours = frequency.time_features(np.datetime64(start, "s"), 0, 900)

        np.testing.assert_array_equal(ours, expected, err_msg=start)


def gluonts_spelling(time_freq: str) -> str:
    """pandas' offsets, unlike its periods, call a month's end ME."""
    return time_freq.replace("M", "ME")


def test_features_may_begin_at_any_step() -> None:
    frequency, start = Frequency.parse("7H"), np.datetime64("2020-02-27T03:30", "s")

    later = frequency.time_features(start, 100, 50)

    np.testing.assert_array_equal(later, frequency.time_features(start, 0, 150)[:, 100:])


def test_a_week_is_known_by_its_sunday() -> None:
    times = Frequency.parse("2W").times(np.datetime64("2024-02-26T10:00", "s"), 0, 2)

    assert times.astype(str).tolist() == ["2024-03-03", "2024-03-17"]


@pytest.mark.parametrize(
    "text", ["", "0H", "h", "T", "S", "B", "Q", "Y", "ME", "MS", "W-SUN", "-1D", "1.5H", "2 H", "01D", "١D", "1D\n"]
)
def test_what_sagemaker_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidData, match=r"^time_freq: expected M, W, D, H or min, or a multiple such as 15min, got "):
        Frequency.parse(text)


def test_importing_the_forecaster_brings_neither_pandas_nor_an_engine() -> None:
    program = (
        "import sys, forecastle.algorithms.deepar.inference.forecast; "
        "print(*{'pandas', 'mxnet', 'gluonts', 'torch'} & set(sys.modules))"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.split() == []


def test_a_frequency_is_parsed_where_it_comes_in_and_nowhere_else() -> None:
    """From hyperparameters, artifacts, SageMaker's too, and the estimator; the warm-up has its own."""
    folder = Path(inspect.getfile(Frequency)).resolve().parent
    parsing = {path.name for path in folder.rglob("*.py") if "Frequency.parse(" in path.read_text("utf-8")}
    edges = {"estimator.py", "plot.py", "predictor.py", "spelling.py"}  # Python, the command, series of pandas
    assert parsing == {"configuration.py", "hyperparameters.py", "network.py", "warmup.py"} | edges


def test_a_frequency_keeps_its_text_and_is_compared_without() -> None:
    assert str(Frequency.parse("1D")) == "1D"
    assert Frequency.parse("1D") == Frequency.parse("D")
