"""The notebooks of examples/, executed from the first cell to the last, in each place where their cells can run."""

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

from tests.image.conftest import build

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples"
EXECUTE = REPOSITORY / "tests" / "region" / "notebooks" / "execute.py"
TAXI = REPOSITORY.parent / "shared" / "data" / "nyc_taxi.csv"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))
FEW = "10"  # epochs, in place of 60


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """The code cells."""
    return [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def executed(name: str, folder: Path, **environ: str) -> list[dict[str, Any]]:
    """The code cells of a notebook with their outputs; every one has run, without a word on stderr."""
    output = folder / f"{name}.ipynb"
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "FORECASTLE_", "SAGEMAKER_"))
    }
    done = subprocess.run(
        [sys.executable, str(EXECUTE), str(EXAMPLES / f"{name}.ipynb"), str(EXAMPLES), str(output)],
        env={**kept, "EPOCHS": FEW, "TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    cells = cells_of(output)
    assert all(cell["execution_count"] for cell in cells)
    assert [
        text for cell in cells for each in cell["outputs"] if each.get("name") == "stderr" for text in each["text"]
    ] == []
    return cells


def said(cells: list[dict[str, Any]]) -> str:
    """What all cells have printed."""
    return "".join(
        "".join(each["text"]) for cell in cells for each in cell["outputs"] if each["output_type"] == "stream"
    )


def pictures(cells: list[dict[str, Any]], folder: Path) -> int:
    """How many pictures there are; each is written to the folder, and has something on it."""
    encoded = [
        each["data"]["image/png"] for cell in cells for each in cell["outputs"] if "image/png" in each.get("data", {})
    ]
    for number, text in enumerate(encoded):
        png = base64.b64decode(text)
        (folder / f"{number}.png").write_bytes(png)
        assert matplotlib.image.imread(io.BytesIO(png), format="png").std() > 0.05
    return len(encoded)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    cells = cells_of(EXAMPLES / f"{name}.ipynb")
    assert len(cells) > 8
    assert [cell for cell in cells if cell["outputs"] or cell["execution_count"]] == []


def check_electricity(cells: list[dict[str, Any]], folder: Path) -> None:
    text = said(cells)
    assert "Generated customers, in the form of UCI's data set." in text
    (effect,) = (line.split(" times")[0].split()[-1] for line in text.splitlines() if line.startswith("Told that"))
    assert 1.2 < float(effect) < 3.0
    assert pictures(cells, folder) == 5
    shown = [
        each
        for cell in cells
        for each in cell["outputs"]
        if "application/vnd.jupyter.widget-view+json" in each.get("data", {})
    ]
    assert len(shown) == 2  # the sliders


def test_electricity_on_this_machine(tmp_path: Path) -> None:
    check_electricity(executed("electricity", tmp_path), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("forecastle-")] == []


def test_taxi_on_this_machine_with_generated_rides(tmp_path: Path) -> None:
    cells = executed("taxi", tmp_path, TAXI="/nonexistent")
    assert "Generated rides, in the benchmark's form." in said(cells)
    assert pictures(cells, tmp_path) == 5


@pytest.mark.skipif(not TAXI.exists(), reason=f"the real taxi data are not at {TAXI}")
def test_taxi_in_a_region_with_real_rides(tmp_path: Path) -> None:
    cells = executed("taxi", tmp_path, TAXI=str(TAXI), WHERE="Region")
    assert "Real rides, from the Numenta Anomaly Benchmark." in said(cells)
    assert pictures(cells, tmp_path) == 5
    (found,) = (
        "".join(cell["outputs"][0]["data"]["text/plain"])
        for cell in cells
        if "days (shingles)" in "".join(cell["source"])
    )
    rows = {line.split()[0]: line.split()[1:] for line in found.splitlines()}
    assert [name for name in ("marathon", "Christmas", "snowstorm") if rows[name][-1] == "yes"] == [
        "marathon",
        "Christmas",
        "snowstorm",
    ]


@pytest.mark.image
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_in_containers(name: str, tmp_path: Path) -> None:
    cells = executed(name, tmp_path, WHERE="Container", IMAGE=build("forecastle:test", "full"))
    assert pictures(cells, tmp_path) == 5


@pytest.mark.image  # no Docker, but minutes
def test_electricity_in_a_region(tmp_path: Path) -> None:
    check_electricity(executed("electricity", tmp_path, WHERE="Region"), tmp_path)
