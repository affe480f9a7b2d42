"""The examples, and those in docstrings."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TAXI = REPOSITORY.parent / "shared" / "data" / "nyc_taxi.csv"


def test_the_estimator_s_own_example_runs() -> None:
    from forecastle.algorithms.random_cut_forest import estimator

    outcome = doctest.testmod(estimator)
    assert outcome.attempted > 2
    assert outcome.failed == 0


@pytest.mark.skipif(not TAXI.exists(), reason=f"the real taxi data are not at {TAXI}")
def test_the_marathon_christmas_and_the_snowstorm_stand_out_of_new_york_s_taxis() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "new_york_taxi.py"), str(TAXI)],
        check=True,
        capture_output=True,
        text=True,
    )
    days = {line[:10] for line in done.stdout.splitlines()}
    assert {"2014-11-02", "2014-12-25", "2015-01-27"} <= days
    assert len(days) < 20
