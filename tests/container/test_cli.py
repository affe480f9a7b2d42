"""The verbs of the command."""

import gc
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.container.cli import cli, main
from forecastle.contract.artifact import Artifact, read_artifact, write_artifact
from forecastle.contract.errors import (
    INTERNAL_EXIT_CODE,
    INTERRUPTED_EXIT_CODE,
    InvalidData,
    InvalidJob,
    OutOfSpace,
    UserError,
)
from tests.training.tree import REPOSITORY, environ_of, start_train, write_job

HEAVY = {"numba", "sklearn", "pandas", "mxnet", "gluonts", "scipy", "matplotlib", "sentencepiece", "ctranslate2"}


def forecastle(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """The installed command, from the environment that runs the tests."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "forecastle"), *arguments],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def imported_by(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after `code`, and those in `forecastle`."""
    ending = (
        "import sys; print(*sorted({'.'.join(name.split('.')[: 2 if name.startswith('forecastle.') else 1]) "
        "for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ending}"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_the_command_and_the_module_are_the_same() -> None:
    module = subprocess.run([sys.executable, "-m", "forecastle", "--help"], capture_output=True, text=True, timeout=60)
    assert forecastle("--help").stdout == module.stdout
    assert module.returncode == 0


def test_garbage_is_collected_again_after_a_command_that_ran_in_this_process(tmp_path: Path) -> None:
    before = gc.isenabled(), gc.get_threshold()
    assert main(["check", str(tmp_path)]) == UserError.exit_code
    assert main(["train", "random_cut_forest", "--data", str(tmp_path)]) == UserError.exit_code
    assert (gc.isenabled(), gc.get_threshold()) == before


CYCLE = """
import os
from forecastle.container.cli import main

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        os.write(1, b"collected")

cycle = Cycle()
main(["--version"])
"""


def test_a_command_ends_without_collecting_garbage() -> None:
    done = subprocess.run([sys.executable, "-c", CYCLE], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("forecastle ")
    assert "collected" not in done.stdout


def test_the_version_is_the_distributions() -> None:
    assert re.fullmatch(r"forecastle \d+\.\d+\.\d+\n", forecastle("--version").stdout)


@pytest.mark.parametrize("verb", cli.commands)
def test_every_verb_has_help_that_starts_with_a_sentence(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert re.search(r"Usage: forecastle \w+ .*\n\n  [A-Z][^\n]+", capsys.readouterr().out)


def test_help_imports_nothing_heavy_nor_any_floor_but_the_errors() -> None:
    held = imported_by("from forecastle.container.cli import main; main(['train', '--help'])")
    assert not held & (
        HEAVY | {"numpy", "pydantic", "fastapi", "forecastle.algorithms", "forecastle.training", "forecastle.serving"}
    )


def test_finding_the_algorithms_imports_none_of_their_libraries() -> None:
    held = imported_by(
        "from forecastle.algorithms import available, find\n"
        "from forecastle.training.catalogue import catalogue\n"
        "assert available() and not catalogue().broken\n"
        "[find(name) for name in available()]"
    )
    assert "forecastle.algorithms" in held
    assert not held & HEAVY


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sail"], "No such command 'sail'."),
        (["train", "--speed", "9"], "No such option '--speed'"),
        (["train", "--data", "."], "Options require an algorithm: forecastle train ALGORITHM"),
        (
            ["train", "forest"],
            "forecastle train forest requires --data; without an algorithm",
        ),
        (["train", "forest", "--data", "nowhere.csv"], "Path 'nowhere.csv' does not exist."),
        (["train", "forest", "--data", ".", "--set", "trees"], "--set trees: expected NAME=VALUE."),
        (["serve", "--port", "70000"], "70000 is not in the range 0<=x<=65535."),
    ],
)
def test_wrong_usage_is_reported_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == UserError.exit_code
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.out == ""


def test_no_verb_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == UserError.exit_code
    assert "Commands:" in capsys.readouterr().err


def test_an_unknown_algorithm_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "prophet", "--data", "."]) == InvalidJob.exit_code
    assert re.fullmatch(
        r"forecastle: Algorithm 'prophet' is unknown; known are .*random_cut_forest.*\.\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("mood", "code", "errors"),
    [
        ("well", 0, r""),
        (
            "faulty",
            INTERNAL_EXIT_CODE,
            r"Traceback \(most recent call last\):\n(.*\n)*ZeroDivisionError: division by zero\n",
        ),
        ("starving", OutOfSpace.exit_code, r"forecastle: The machine has too little memory .*\n"),
        ("evaluation_refused", InvalidData.exit_code, r"forecastle: test/part.csv: row 1: expected a number.\n"),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(tmp_path: Path, mood: str, code: int, errors: str) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": mood}, {"train/a": "1\n"})
    done = forecastle("train", **environ_of(tree))
    assert done.returncode == code
    assert re.fullmatch(errors, done.stderr)
    assert tree.failure.exists() == (code != 0)


def test_ctrl_c_ends_quietly(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "deaf"}, {"train/a": "1\n"})
    with start_train(tree) as process:
        assert process.stdout is not None
        while "Mood: deaf" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (INTERRUPTED_EXIT_CODE, "\n")  # below the terminal's ^C
    assert not tree.failure.exists()


def test_algorithms_are_listed_with_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["algorithms"]) == 0
    shown = capsys.readouterr().out
    assert "random_cut_forest: Random Cut Forest\n" in shown
    assert re.search(r"\n  feature_dim +an integer in \[1, 10000\]; required\n", shown)
    assert re.search(r"\n  num_trees +an integer in \[50, 1000\]; default 100\n", shown)


def test_the_metrics_of_algorithms_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["algorithms", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["deepar"]["title"] == "DeepAR"
    assert listed["deepar"]["metrics"]["test:RMSE"] == r"#quality_metric: host=\S+, test RMSE <loss>=(\S+)"


def test_what_hyperparameters_take_is_listed_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["algorithms"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len({len(re.match(r"  \w+ +", line)[0]) for line in lines}) == 1  # type: ignore[index]


def test_an_algorithm_on_pythonpath_is_listed_with_the_others(tmp_path: Path) -> None:
    shown = forecastle("algorithms", **environ_of(write_job(tmp_path, None, {}))).stdout
    assert "column_mean: Column Mean\n" in shown
    assert "random_cut_forest: Random Cut Forest\n" in shown


def test_a_model_is_trained_from_a_file_and_checked(tmp_path: Path) -> None:
    data, out = tmp_path / "numbers.csv", tmp_path / "out"
    data.write_text("1\n3\n")
    environ = environ_of(write_job(tmp_path / "nothing", None, {}))
    trained = forecastle(
        "train", "column_mean", "--data", str(data), "--set", "mood=well", "--out", str(out), **environ
    )
    assert trained.returncode == 0
    assert trained.stdout.endswith(f"The model is in {out}. Serve it: forecastle serve --model {out}\n")
    checked = forecastle("check", str(out), **environ)
    assert (checked.returncode, checked.stdout) == (0, f"{out}: a column_mean model, complete; it answers.\n")


def test_an_algorithm_is_trained_by_its_alias(tmp_path: Path) -> None:
    data, out = tmp_path / "rows.csv", tmp_path / "out"
    data.write_text("1\n3\n" * 40)
    trained = forecastle("train", "rcf", "--data", str(data), "--set", "num_trees=5e1", "--out", str(out))
    assert (trained.returncode, trained.stderr) == (0, "")
    artifact = read_artifact(out)
    assert (artifact.algorithm, artifact.hyperparameters["num_trees"]) == ("random_cut_forest", 50)


def test_training_continues_when_its_log_is_closed(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "well"}, {"train/a": "1\n3\n"})
    with start_train(tree) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `| head` does
        assert (process.wait(timeout=60), process.stderr.read()) == (0, "")
    assert read_artifact(tree.model).arrays["mean"] == 2


def test_training_needs_no_stdout(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "well"}, {"train/a": "1\n3\n"})
    line = f"exec {sys.executable} -m forecastle train >&-"
    done = subprocess.run(["sh", "-c", line], env=environ_of(tree), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_incomplete_model_is_named_by_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_artifact(tmp_path, Artifact({}, algorithm="random_cut_forest"))
    assert main(["check", str(tmp_path)]) == InvalidData.exit_code
    assert capsys.readouterr().err.startswith(
        f"forecastle: {tmp_path}: The forest's arrays: expected leaf_offsets, which is missing"
    )


def test_a_folder_without_a_model_does_not_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == InvalidData.exit_code
    assert capsys.readouterr().err.startswith(f"forecastle: {tmp_path}: the folder is empty")


def test_a_server_without_a_model_ends_with_its_sentence(tmp_path: Path) -> None:
    done = forecastle("serve", "--model", str(tmp_path), "--port", "0")
    assert done.returncode == InvalidData.exit_code
    assert done.stderr == (
        f"forecastle: {tmp_path}: the folder is empty: it must contain a model, manifest.json and its arrays.\n"
    )
