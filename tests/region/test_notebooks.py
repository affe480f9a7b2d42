"""The notebooks that people have, every cell untouched, from the first to the last, in a region.

They are read from ../shared/notebooks. Each runs with the SDK and the packages of its time, in an environment made from
the lock of its name; waiting in a cell is the SDK's own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from forecastle.region.account import ACCOUNT
from forecastle.region.home import Home
from forecastle.region.variables import variables
from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_commands import electricity
from tests.sagemaker.sdk import environment

SHARED = ROOT.parent / "shared"
NOTEBOOKS = SHARED / "notebooks"
LOCKS = Path(__file__).parent / "notebooks"
SECONDS = 3 * 3600
DAYS = "print(*sorted(set(anomalies.timestamp.str[:10])))"
CUSTOMERS = 130  # the notebook looks at customer 120

pytestmark = [
    pytest.mark.image,  # no Docker, but minutes, and packages that nothing else needs
    pytest.mark.skipif(not NOTEBOOKS.is_dir(), reason=f"the notebooks' folder {NOTEBOOKS} is not here"),
]


def executed(name: str, python: Path, region: RunningRegion, folder: Path, *cells: str) -> list[dict[str, Any]]:
    """The code cells of a notebook with their outputs; every one has run."""
    folder.mkdir(exist_ok=True)
    source, output = NOTEBOOKS / f"{name}.ipynb", folder.parent / f"{name}-executed.ipynb"
    command = [str(python), str(LOCKS / "execute.py"), str(source), str(folder), str(output), *cells]
    done = subprocess.run(
        command, env=environ_of(python, region, folder), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    code = [cell for cell in json.loads(output.read_text())["cells"] if cell["cell_type"] == "code"]
    given = [cell for cell in json.loads(source.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [each for each in map(_source, code) if each not in cells] == [_source(each) for each in given]
    assert all(cell["execution_count"] for cell in code)
    return code


def environ_of(python: Path, region: RunningRegion, folder: Path) -> Mapping[str, str]:
    """Nothing of this process's, and the region's variables."""
    own = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder), "MPLBACKEND": "agg"}
    own |= {"PYTHONWARNINGS": "ignore", "AWS_CONFIG_FILE": os.devnull, "JUPYTER_PLATFORM_DIRS": "1"}
    del own["MPLBACKEND"]  # the notebook says %matplotlib inline
    return own | variables(Home(region.home), region.address, {})


def text(cell: Mapping[str, Any]) -> str:
    """What a cell has printed and shown."""
    parts: list[Sequence[str]] = [
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"]
    ]
    return "".join("".join(part) for part in parts)


def pictures(cells: Sequence[Mapping[str, Any]]) -> int:
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def test_the_taxi_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    python = environment("taxi", LOCKS / "taxi.lock", sys.executable)
    rides = SHARED / "data" / "nyc_taxi.csv"
    with RunningRegion(tmp_path / "home", *(("--taxi", str(rides)) if rides.exists() else ())) as region:
        cells = executed("taxi", python, region, tmp_path / "folder", DAYS)
        assert region.client("sagemaker").list_endpoints()["Endpoints"] == []
        (job,) = region.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    assert len(cells) == 16 + 1
    assert f"Training input/output will be stored in: s3://sagemaker-us-east-1-{ACCOUNT}/" in text(cells[0])
    fitted = text(cells[5])
    for message in ("Starting the training job", "Completed - Training job completed", "Training seconds: "):
        assert message in fitted
    assert fitted.count("Random Cut Forest built") == 1
    assert job["TrainingJobStatus"] == "Completed"
    assert pictures(cells) == 3
    days = set(text(cells[16]).split())
    # A marathon's night, New Year's night and a snowstorm.
    assert {"2014-11-02", "2015-01-01", "2015-01-27"} <= days


def test_the_electricity_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    interpreter = next(Path.home().glob(".pyenv/versions/3.8.*/bin/python"), None)
    if interpreter is None:
        pytest.skip("the electricity notebook's pandas wants CPython 3.8, and ~/.pyenv has none")
    python = environment("electricity", LOCKS / "electricity.lock", str(interpreter))
    folder = tmp_path / "folder"
    folder.mkdir()
    made = electricity("--customers", str(CUSTOMERS), "--years", "2014", "--out", str(folder / "LD2011_2014.txt"))
    assert made.returncode == 0, made.stderr
    with RunningRegion(tmp_path / "home", "--bucket", "dees2-class") as region:
        # The sliders' cells draw on a click, which is a call of the function.
        clicks = ("plot_interact(91, 51, 80, 1, True)", "plot_interact(13, 21, 80, 0.2, False)")
        cells = executed("electricity", python, region, folder, *clicks)
        assert region.client("sagemaker").list_endpoints()["Endpoints"] == []
        jobs = region.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    assert len(cells) == 45
    assert "File found skipping download" in text(cells[7])
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed", "Completed"]
    assert pictures(cells) >= 4
