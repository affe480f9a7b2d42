"""`forecastle check` on a job's tree: what the job, and SageMaker, would say."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from forecastle.algorithms import available, find
from forecastle.contract.opt_ml import OptMl
from tests.training.tree import environ_of, run_train, write_job

ROWS = "1\n3\n" * 40
FOREST = {"feature_dim": "1", "num_trees": "50", "num_samples_per_tree": "2"}


def check(tree: OptMl, prefix: tuple[str, ...] = (), **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*prefix, sys.executable, "-m", "forecastle", "check", str(tree.base)],
        env=environ_of(tree, **more),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("algorithm", available())
def test_the_example_of_every_algorithm_can_start(algorithm: str) -> None:
    tree = OptMl(find(algorithm).example_folder)
    done = check(tree)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert last == f"{tree.base}: a training job that can start."
    assert {line.split()[0] for line in lines} == {"ok"}
    assert any(f"Channel {next(iter(find(algorithm).channels))}: " in line for line in lines)
    assert not (tree.base / "model").exists()


@pytest.mark.parametrize(
    ("hyperparameters", "data"),
    [
        (FOREST | {"num_trees": "20"}, {"train/a.csv": ROWS}),
        (FOREST | {"num_tree": "50"}, {"train/a.csv": ROWS}),
        (FOREST, {"train/a.csv": "1\nx\n"}),
        (FOREST | {"feature_dim": "2"}, {"train/a.csv": ROWS}),
        (FOREST, {"train/a.csv": ROWS, "test/b.csv": "7,1\n"}),
        (FOREST, {"test/b.csv": "0,1\n"}),
        (FOREST, {"train/.hidden": ROWS}),
        (None, {"train/a.csv": ROWS}),
        ({"time_freq": "H", "prediction_length": "2", "context_length": "2", "epochs": "1"}, {"train/a.json": "{}\n"}),
        (
            {"time_freq": "H", "prediction_length": "2", "context_length": "2", "epochs": "1"},
            {"train/a.json": '{"start": "2020-01-01", "target": [1, 2, 3]}\n'},
        ),
    ],
)
def test_the_reason_is_the_one_that_the_job_would_write(
    tmp_path: Path, hyperparameters: Mapping[str, object] | None, data: Mapping[str, str]
) -> None:
    tree = write_job(tmp_path, hyperparameters, data)
    checked = check(tree)
    assert not tree.failure.exists()
    job = run_train(tree)
    assert checked.returncode == job.returncode == 1
    reason = tree.failure.read_text().strip()
    assert f"\nFailureReason in SageMaker: ClientError: {reason}, exit code: 1\n" in checked.stdout
    assert checked.stderr.startswith(f"forecastle: {tree.base}: the job would fail: ")


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    tree = write_job(tmp_path, FOREST | {"num_trees": "1"}, {}, resourceconfig={"current_host": 5})
    done = check(tree)
    errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert len(errors) == 3
    assert "resourceconfig.json: current_host: expected a string, got 5." in errors[0]
    assert "Hyperparameter num_trees must be an integer in [50, 1000]. Got '1'." in errors[1]
    assert "Channel train is required" in errors[2]
    assert done.stderr == f"forecastle: {tree.base}: the job would fail: 3 errors.\n"


def test_a_file_that_cannot_be_read_is_reported_once(tmp_path: Path) -> None:
    tree = write_job(tmp_path, FOREST, {"train/a.csv": ROWS})
    (tree.base / "input" / "config" / "hyperparameters.json").write_text("{bad")
    errors = [line for line in check(tree).stdout.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "hyperparameters.json, line 1, column 2" in errors[0]


def test_what_only_sagemaker_would_refuse_is_a_warning(tmp_path: Path) -> None:
    tree = write_job(
        tmp_path,
        FOREST | {"num_trees": 50, "_tuning": "x" * 2501},
        {"train/a.csv": ROWS, "my data/a.csv": ROWS},
        resourceconfig={"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]},
    )
    done = check(tree)
    assert done.returncode == 0, done.stderr
    assert "num_trees: SageMaker accepts strings only, got 50." in done.stdout
    assert (
        "_tuning: SageMaker accepts names of 256 and values of 2500 characters at most, got 7 and 2501" in done.stdout
    )
    assert "Channel my data: SageMaker accepts letters, digits and .-_ in names" in done.stdout
    assert "Channel my data is not read: random_cut_forest reads train, test." in done.stdout
    assert "Hosts: 2, of which algo-1 alone trains, as every host has all rows" in done.stdout


def test_a_host_may_have_an_empty_shard(tmp_path: Path) -> None:
    tree = write_job(
        tmp_path,
        FOREST,
        {},
        resourceconfig={"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]},
        inputdataconfig={"train": {"S3DistributionType": "ShardedByS3Key"}},
    )
    done = check(tree)
    assert done.returncode == 0, done.stderr
    assert "Hosts: 2, which train together." in done.stdout


def test_files_that_another_user_may_not_read_or_write_are_named(tmp_path: Path) -> None:
    tree = write_job(tmp_path, FOREST, {"train/a.csv": ROWS})
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o005)
    (tree.data / "train" / "a.csv").chmod(0o600)
    tree.model.mkdir(mode=0o755)
    done = check(tree, prefix=("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"))
    if "setpriv" in done.stderr or done.returncode == 127:
        pytest.skip("needs root and setpriv, to become another user")
    assert done.returncode == 1
    assert f"error    {tree.data}/train/a.csv: cannot be read by user 12345.\n" in done.stdout
    assert f"error    {tree.model}: cannot be written by user 12345.\n" in done.stdout
