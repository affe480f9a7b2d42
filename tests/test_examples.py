"""What a reader tries first: the README's Python and the examples."""

import doctest
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.training.job import train_files
from tests.serving.running_server import RunningServer

REPOSITORY = Path(__file__).parents[1]
TAXI = REPOSITORY.parent / "shared" / "data" / "nyc_taxi.csv"


def test_the_readme_s_python_says_what_it_says_there() -> None:
    outcome = doctest.testfile(str(REPOSITORY / "README.md"), module_relative=False)
    assert outcome.attempted > 5
    assert outcome.failed == 0


def test_the_readme_s_lines_for_boto3_run_as_they_stand(tmp_path: Path) -> None:
    data = find("random_cut_forest").example / "input" / "data" / "train"
    train_files("random_cut_forest", data, tmp_path / "model", {"num_trees": "50", "seed": "7"}, io.StringIO(), {})
    (exports, python) = boto3_lines()
    with RunningServer(tmp_path, {}) as server:
        server.await_ready()
        assert "http://127.0.0.1:8080" in exports
        script = exports.replace("http://127.0.0.1:8080", server.url) + f"exec {sys.executable} -c '{python}'"
        done = subprocess.run(
            ["sh", "-euc", script],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"},  # and nothing of AWS
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stderr == ""
    low, high = (row["score"] for row in json.loads(done.stdout)["scores"])
    assert low < 2 < high


def boto3_lines() -> list[str]:
    """The README's block of shell and the one of Python after it, which uses boto3."""
    blocks = re.findall(r"```(?:sh|python)\n(.*?)```", (REPOSITORY / "README.md").read_text("utf-8"), flags=re.DOTALL)
    index = next(index for index, block in enumerate(blocks) if "boto3.client" in block)
    return blocks[index - 1 : index + 1]


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
