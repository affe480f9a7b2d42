"""One training job, through `train` and `train_files`."""

import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forecastle.contract.artifact import read_artifact, read_manifest
from forecastle.contract.errors import ForecastleError, InvalidData, InvalidJob, OutOfSpace
from forecastle.contract.opt_ml import OptMl
from forecastle.training.job import train, train_files
from tests.training.tree import environ_of, run_train, start_train, without_times, write_job

GOLDEN = Path(__file__).parent / "golden"
NUMBERS = "1\n2\n3\n6\n"

pytestmark = pytest.mark.usefixtures("tiny_algorithm")


def log_of(tree: OptMl, **environ: str) -> str:
    stream = io.StringIO()
    train({"SAGEMAKER_BASE_DIR": str(tree.base)} | environ, stream)
    return stream.getvalue()


def failure_of(tree: OptMl, expected: type[Exception], **environ: str) -> str:
    """The failure file's first line, which is also the error's sentence."""
    with pytest.raises(expected) as caught:
        log_of(tree, **environ)
    first = tree.failure.read_text().splitlines()[0]
    if isinstance(caught.value, ForecastleError):
        assert tree.failure.read_text() == caught.value.sentence + "\n"
    return first


def test_a_job_leaves_a_model_that_knows_how_it_was_trained(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0.5"}, {"train/part.csv": NUMBERS})
    log_of(tree)
    artifact = read_artifact(tree.model)
    assert artifact.algorithm == "column_mean"
    assert artifact.arrays["mean"] == 1.5
    assert artifact.hyperparameters == {"shrinkage": 0.5, "mood": "well"}
    assert not tree.failure.exists()


def test_metrics_are_in_the_manifest_and_in_a_file_but_for_those_that_json_cannot_hold(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS, "test/a": "4\n"})
    log_of(tree)
    expected = {"train:mean": 3.0, "test:error": 1.0}
    assert read_manifest(tree.model)["metrics"] == expected
    assert json.loads((tree.output_data / "metrics.json").read_text()) == expected


def test_the_log_is_the_golden_one(tmp_path: Path) -> None:
    write_job(
        tmp_path / "ml",
        {"shrinkage": '"0"', "_kvstore": "device", "sagemaker_program": "x"},
        {"train/a": NUMBERS, "validation/a": "1\n"},
    )
    done = run_train(OptMl(Path("ml")), cwd=tmp_path)
    assert done.stderr == ""
    assert without_times(done.stdout) == (GOLDEN / "column_mean.log").read_text()


def test_the_log_is_written_line_by_line(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "stopped"}, {"train/a": NUMBERS})
    command = [sys.executable, "-m", "forecastle", "train"]
    with subprocess.Popen(command, env=environ_of(tree), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Mood: stopped" not in process.stdout.readline():
            pass
        assert process.poll() is None
        process.terminate()


def test_a_missing_train_channel_is_named_with_what_it_must_contain(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {})
    assert failure_of(tree, InvalidJob) == (
        f"Channel train is required: {tmp_path}/input/data/train must contain a number on each line."
    )


def test_an_unknown_hyperparameter_is_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "moood": "well"}, {"train/a": NUMBERS})
    assert failure_of(tree, InvalidJob) == "Hyperparameter moood is unknown: did you mean mood?"


def test_the_configuration_is_in_the_log_even_where_it_is_refused(tmp_path: Path) -> None:
    write_job(tmp_path, {"shrinkage": "2"}, {"train/a": NUMBERS})
    stream = io.StringIO()
    with pytest.raises(InvalidJob, match=r"^Hyperparameter shrinkage must be a number in \[0, 1\]. Got '2'.$"):
        train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, stream)
    assert "Final configuration: {'mood': 'well', 'shrinkage': '2'}" in stream.getvalue()


def test_a_failure_before_any_file_is_read_is_reported_too(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    assert "FORECASTLE_THREADS must be" in failure_of(tree, InvalidJob, FORECASTLE_THREADS="many")


def test_the_failure_of_an_earlier_run_is_removed_by_a_successful_one(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "faulty"}, {"train/a": NUMBERS})
    failure_of(tree, ZeroDivisionError)
    log_of(write_job(tmp_path, {"shrinkage": "0"}, {}))
    assert not tree.failure.exists()


def test_a_fault_of_ours_has_its_cause_first_and_its_traceback_after_it(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "faulty"}, {"train/a": NUMBERS})
    first = failure_of(tree, ZeroDivisionError)
    assert first.startswith("Internal error in forecastle: ZeroDivisionError: division by zero (")
    assert "column_mean/algorithm.py, line " in first
    assert "Traceback (most recent call last):" in tree.failure.read_text()
    assert not list(tree.model.iterdir())


def test_memory_that_does_not_suffice_is_the_machines_fault(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "starving"}, {"train/a": NUMBERS})
    assert failure_of(tree, OutOfSpace) == (
        "The machine has too little memory for this job (Unable to allocate 80. GiB): use a larger one, or less data."
    )


def test_a_test_channel_that_cannot_be_read_fails_the_job_but_leaves_the_model(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "evaluation_refused"}, {"train/a": NUMBERS})
    assert failure_of(tree, InvalidData) == "test/part.csv: row 1: expected a number."
    assert read_artifact(tree.model).arrays["mean"] == 3


@pytest.mark.parametrize("mode", ["File", "FastFile", "Pipe"])
def test_a_test_channel_that_is_configured_and_absent_fails_before_training(tmp_path: Path, mode: str) -> None:
    config = {"train": {}, "test": {"TrainingInputMode": mode}}
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "faulty"}, {"train/a": NUMBERS}, inputdataconfig=config)
    assert failure_of(tree, InvalidJob) == (
        f"Channel test: expected a FIFO at {tree.data}/test_0, as its TrainingInputMode is Pipe."
        if mode == "Pipe"
        else f"Channel test: there is no file or folder {tree.data}/test."
    )


def test_a_test_channel_without_a_file_fails_before_training(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "faulty"}, {"train/a": NUMBERS, "test/_SUCCESS": ""})
    assert failure_of(tree, InvalidJob) == f"Channel test: there is no data file in {tree.data}/test."


def test_a_channel_that_is_not_read_may_be_absent(tmp_path: Path) -> None:
    config: dict[str, object] = {"train": {}, "validation": {}}
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS}, inputdataconfig=config)
    assert "Channel validation is not read" in log_of(tree)


def warnings_in(log: str) -> list[str]:
    return re.findall(r" WARNING \d+\] (.*)", log)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("/sys", r"(Permission denied|Read-only file system|Operation not permitted)"), ("/proc", "No such file")],
)
def test_checkpoints_that_cannot_be_written_give_a_warning_and_training_continues(
    tmp_path: Path, place: str, reason: str
) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    tree.checkpoints.symlink_to(place)
    (warning,) = warnings_in(log_of(tree))
    assert re.search(reason, warning)
    assert warning.endswith(": training continues without new checkpoints.")
    assert read_artifact(tree.model).arrays["mean"] == 3


def test_a_file_in_place_of_the_checkpoints_is_warned_of(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    tree.checkpoints.touch()
    (warning,) = warnings_in(log_of(tree))
    assert warning.startswith(f"{tree.checkpoints}/.writable: cannot be written (")


def mounted(tree: OptMl, full: bool) -> list[str]:
    """A command that runs a job whose checkpoints/ is a disk of one page, empty or full."""
    tree.checkpoints.mkdir()
    steps = [f"mount -t tmpfs -o size=4k tmpfs {tree.checkpoints}"]
    steps += [f"head -c 4096 /dev/zero > {tree.checkpoints}/full"] if full else []
    return ["unshare", "-rm", "sh", "-c", " && ".join([*steps, f"exec {sys.executable} -m forecastle train"])]


def may_mount() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("full", [False, True])
def test_checkpoints_on_a_full_disk_give_a_warning_and_training_continues(tmp_path: Path, full: bool) -> None:
    if not may_mount():
        pytest.skip("this user may not mount a small disk")
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    done = subprocess.run(mounted(tree, full), env=environ_of(tree), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [warning.split(": ", 1)[1] for warning in warnings_in(done.stdout)] == full * [
        "no space left on its disk: training continues without new checkpoints."
    ]


def test_a_model_folder_that_cannot_be_written_is_found_out_before_training(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": "faulty"}, {"train/a": NUMBERS})
    tree.model.write_text("a file, not a folder")
    assert failure_of(tree, InvalidJob).startswith(f"{tree.model}/.writable: cannot be written")


def test_an_output_folder_that_cannot_be_written_does_not_hide_the_cause(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "2"}, {"train/a": NUMBERS})
    tree.failure.parent.write_text("a file where the folder should be")
    done = run_train(tree)
    assert done.returncode == InvalidJob.exit_code
    lines = done.stderr.splitlines()
    assert lines[0].startswith("forecastle: the failure file was not written: ")
    assert lines[1:] == ["forecastle: Hyperparameter shrinkage must be a number in [0, 1]. Got '2'."]


def test_the_same_container_can_run_the_job_twice(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    log_of(tree)
    before = sorted(path.name for path in tree.model.iterdir())
    log_of(tree)
    assert sorted(path.name for path in tree.model.iterdir()) == before


def test_a_job_leaves_nothing_of_those_that_were_killed_before_it(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "0"}, {"train/a": NUMBERS})
    for moment in range(12):
        with start_train(tree) as process:
            time.sleep(0.2 + 0.03 * moment)
            process.kill()
    left = {
        tree.model: [".manifest.json.abcdefgh", ".arrays-0123456789ab.npz.a1_b2_c3", "..writable.abcdefgh"],
        tree.model / "content-0123456789ab": [".mean.npy.a1_b2_c3"],
        tree.output_data: [".metrics.json.abcdefgh", "..writable.abcdefgh"],
        tree.failure.parent: [".failure.abcdefgh"],
    }
    for folder, names in left.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).touch()
    log_of(tree)
    assert sorted(path.name for path in tree.failure.parent.rglob("*")) == ["data", "metrics.json"]
    assert sorted(path.suffix for path in tree.model.iterdir()) == ["", ".json"]


def test_files_of_killed_jobs_are_removed_even_if_the_job_is_refused(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"shrinkage": "2"}, {"train/a": NUMBERS})
    tree.model.mkdir()
    (tree.model / ".manifest.json.abcdefgh").touch()
    failure_of(tree, InvalidJob)
    assert not list(tree.model.iterdir())


def test_of_two_hosts_one_trains_and_the_other_logs_it(tmp_path: Path) -> None:
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"}
    tree = write_job(tmp_path, {"shrinkage": "1"}, {}, resourceconfig=hosts, inputdataconfig={"train": {}})
    sentence = "algo-2 has nothing to do: algo-1 trains and writes the model, as a mean is quickly computed.\n"
    assert log_of(tree).endswith(sentence)
    assert not tree.model.exists()


def test_the_host_that_trains_on_a_shard_is_warned(tmp_path: Path) -> None:
    tree = write_job(
        tmp_path,
        {"shrinkage": "0"},
        {"train/a": NUMBERS, "test/a": NUMBERS},
        resourceconfig={"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]},
        inputdataconfig={"train": {}, "test": {"S3DistributionType": "ShardedByS3Key"}},
    )
    warning = "Channel test is ShardedByS3Key over 2 hosts, but only algo-1 trains, on its own shard, as a mean is "
    log = log_of(tree)
    assert " WARNING " in log
    assert f"{warning}quickly computed. Use FullyReplicated, or one host.\n" in log


def test_the_named_algorithm_is_taken_whatever_the_hyperparameters(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {"feature_dim": "1"}, {"train/a": NUMBERS})
    sentence = failure_of(tree, InvalidJob, FORECASTLE_ALGORITHM="column_mean")
    assert sentence == "Hyperparameter shrinkage is required: it must be a number in [0, 1]."


def test_a_job_whose_hyperparameters_are_missing_names_the_file_and_what_the_algorithms_require(tmp_path: Path) -> None:
    tree = write_job(tmp_path, None, {"train/a": NUMBERS})
    sentence = failure_of(tree, InvalidJob)
    missing = f"{tree.config}/hyperparameters.json: there is no such file. "
    assert sentence.startswith(
        f"{missing}The hyperparameters given (none) and channels (train) fit no algorithm: column_mean requires "
        "shrinkage; "
    )
    assert sentence.endswith("Set FORECASTLE_ALGORITHM to choose one.")
    sentence = failure_of(tree, InvalidJob, FORECASTLE_ALGORITHM="column_mean")
    assert sentence == f"{missing}Hyperparameter shrinkage is required: it must be a number in [0, 1]."


def test_a_job_whose_hyperparameters_are_none_says_what_the_algorithms_require(tmp_path: Path) -> None:
    tree = write_job(tmp_path, {}, {"train/a": NUMBERS})
    assert failure_of(tree, InvalidJob).startswith(
        "The hyperparameters given (none) and channels (train) fit no algorithm: column_mean "
    )


def test_a_job_on_files_infers_what_the_data_determines(tmp_path: Path) -> None:
    data, test = tmp_path / "numbers.csv", tmp_path / "test.csv"
    data.write_text(NUMBERS)
    test.write_text("3\n")
    stream = io.StringIO()
    train_files("column_mean", data, tmp_path / "out", {"mood": "well"}, stream, {}, test=test)
    artifact = read_artifact(tmp_path / "out")
    assert artifact.hyperparameters == {"shrinkage": 0.25, "mood": "well"}
    assert artifact.metrics == {"train:mean": 2.25, "test:error": 0.75}
    merged = "Merging with provided configuration from the command line: {'mood': 'well', 'shrinkage': '0.25'}"
    assert merged in stream.getvalue()


def test_a_job_without_a_tree_leaves_nothing_but_the_model(tmp_path: Path) -> None:
    data = tmp_path / "numbers.csv"
    data.write_text(NUMBERS)
    train_files("column_mean", data, tmp_path / "out", {}, io.StringIO(), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers.csv", "out"]
    names = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert names == ["", ".json"]
