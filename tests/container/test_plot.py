"""`forecastle plot`: an answer as a chart, in the terminal or as a PNG."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.contract.artifact import write_artifact
from forecastle.training.job import train_files
from tests.algorithms.deepar.networks import random_network
from tests.serving.running_server import TINY_ALGORITHM, RunningServer, write_model

COMMAND = str(Path(sys.executable).parent / "forecastle")
PNG = b"\x89PNG\r\n\x1a\n"
RIDES = find("random_cut_forest").example_folder / "input" / "data" / "train" / "taxi.csv"
INSTANCE = {"start": "2014-01-06 00:00:00", "target": [float(number % 12) for number in range(48)]}


def plot(*arguments: str, given: bytes = b"", **environ: str) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"} | environ
    done = subprocess.run([COMMAND, "plot", *arguments], input=given, env=environ, capture_output=True)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forest") / "model"
    train_files("rcf", RIDES, folder, {"num_trees": "50", "seed": "7"}, io.StringIO(), {})
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dataclasses import replace

    folder = tmp_path_factory.mktemp("network") / "model"
    hyperparameters = {"time_freq": "2H", "prediction_length": 8}
    artifact = replace(
        DeepARModel(random_network()).artifact(), algorithm="deepar", hyperparameters=hyperparameters, metrics={}
    )
    write_artifact(folder, artifact)
    return folder


def test_anomalies_are_dots_above_the_cutoff_on_a_second_axis(forest: Path) -> None:
    done = plot("--model", str(forest), str(RIDES))
    assert (done.returncode, done.stderr) == (0, "")
    title, left, *lines = done.stdout.splitlines()
    assert (title, left) == ("Values and their anomaly scores", "Value")
    below = lines.index("Anomaly score")
    assert "●" not in "".join(lines[:below])
    assert 3 < "".join(lines[below:]).count("●") < 80
    assert lines[-2].strip().startswith("● above mean + 3σ (1.7")
    assert max(map(len, lines)) <= 80


def test_a_forecast_is_a_fan_with_dates_of_the_model_s_frequency(network: Path) -> None:
    done = plot("--model", str(network), given=json.dumps({"instances": [INSTANCE]}).encode())
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Series 0"
    assert "2014-01-07 08:00" in lines[-3]
    assert "2014-01-10 14:00" in lines[-3]  # 48 values and 8 steps of two hours
    assert lines[-2].strip() == "░░ 80 %  ░░ 50 %  ── observed  ── median"
    assert "░" in "".join(lines[2:-3])


def test_values_may_be_held_out_and_drawn_beside_the_forecast(network: Path) -> None:
    lines = "\n".join(json.dumps(INSTANCE) for _ in range(6)).encode()
    done = plot("--model", str(network), "--set", "hold_out=8", given=lines)
    assert done.stdout.count("── actual") == 4
    assert "2 more series are not drawn; --set series=N draws one of them." in done.stdout
    done = plot("--model", str(network), "--set", "series=5", given=lines)
    assert done.stdout.startswith("Series 5\n")


def test_a_server_is_asked_and_its_algorithm_is_seen_by_the_request(forest: Path, tmp_path: Path) -> None:
    with RunningServer(tmp_path, {}, arguments=["--model", str(forest)]) as server:
        url = server.await_ready().url
        for media_type, body in (("text/csv", b"1\n2\n90000\n"), ("json", b'{"instances": [{"features": [1]}]}')):
            done = plot("--url", url, "--content-type", media_type, given=body)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith("Values and their anomaly scores\n")


def test_a_request_that_the_model_refuses_gets_the_model_s_sentence(network: Path) -> None:
    done = plot("--model", str(network), given=b'{"instances": [{"start": "2014-01-06", "target": [1,')
    assert done.returncode == 1
    assert done.stderr.startswith("forecastle: line 1, column 53: expected valid JSON")


def test_a_chart_is_written_as_a_png(forest: Path, network: Path, tmp_path: Path) -> None:
    for number, (model, body) in enumerate(((forest, b"1\n2\n3\n"), (network, json.dumps(INSTANCE).encode()))):
        picture = tmp_path / f"{number}.png"
        done = plot("--model", str(model), "--out", str(picture), given=body)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"The chart is in {picture}.\n", "")
        assert picture.read_bytes().startswith(PNG)


def test_without_matplotlib_a_png_gets_one_sentence_and_the_terminal_its_chart(forest: Path, tmp_path: Path) -> None:
    hidden = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'matplotlib' else f(n)"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = plot("--model", str(forest), "--out", str(tmp_path / "a.png"), given=b"1\n", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("forecastle: A PNG is drawn with matplotlib, which is not installed: pip install ")
    assert plot("--model", str(forest), given=b"1\n2\n", PYTHONPATH=str(tmp_path)).returncode == 0


def test_an_algorithm_without_a_chart_gets_one_sentence(tmp_path: Path) -> None:
    folders = {"FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms")}
    done = plot("--model", str(write_model(tmp_path) / "model"), given=b"1\n", **folders)
    assert (done.returncode, done.stderr) == (
        1,
        "forecastle: Echo Sum has no chart: `forecastle invoke` prints the answer.\n",
    )


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("sigma=2", "Chart option sigma is unknown: did you mean sigmas?"),
        ("sigmas=0", "Chart option sigmas must be a number above 0. Got '0'."),
        ("column=1", "Chart option column must be less than 1, the number of columns."),
        ("sigmas", "--set sigmas: expected NAME=VALUE."),
    ],
)
def test_a_wrong_option_of_the_chart_is_named(forest: Path, option: str, sentence: str) -> None:
    done = plot("--model", str(forest), "--set", option, given=b"1\n2\n")
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_terminal_without_braille_gets_ascii(forest: Path) -> None:
    done = plot("--model", str(forest), given=b"1\n2\n90000\n", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "*" in done.stdout
    assert done.stdout.isascii()
