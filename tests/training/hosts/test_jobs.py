"""Jobs on several hosts, each a process with its own tree, as SageMaker starts them."""

import io
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms import find
from forecastle.contract.artifact import read_artifact
from forecastle.contract.opt_ml import OptMl
from forecastle.training.job import train
from tests.algorithms.deepar.waves import json_lines, waves
from tests.training.hosts.addresses import some_hosts
from tests.training.tree import start_train, write_job

ROWS = np.random.default_rng(3).normal(size=(900, 2)).round(3)
FOREST = {"feature_dim": "2", "num_trees": "50", "num_samples_per_tree": "20", "seed": "7"}
SHARDED = {"S3DistributionType": "ShardedByS3Key"}


def csv(rows: np.ndarray[Any, Any]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in rows.tolist())


class Hosts:
    """The hosts of a job; each has the files of its `shard`."""

    def __init__(
        self,
        base: Path,
        hyperparameters: Mapping[str, object],
        shards: Sequence[Mapping[str, str]],
        channels: Mapping[str, object],
    ) -> None:
        self.names = some_hosts(len(shards))
        resources = [{"current_host": name, "hosts": self.names} for name in self.names]
        self.trees = [
            write_job(base / name, hyperparameters, shard, resourceconfig=resource, inputdataconfig=channels)
            for name, shard, resource in zip(self.names, shards, resources)
        ]
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, **environ: str) -> None:
        job = {"TRAINING_JOB_NAME": "shards", "FORECASTLE_HOSTS_TIMEOUT": "60"} | environ
        self.processes = [start_train(tree, **job) for tree in self.trees]

    def ends(self) -> list[tuple[int, str, str]]:
        """Exit code, log and failure of each host."""
        found = []
        for process, tree in zip(self.processes, self.trees):
            log, _ = process.communicate(timeout=120)
            failure = tree.failure.read_text() if tree.failure.exists() else ""
            found.append((process.returncode, log, failure))
        return found


def model_files(tree: OptMl) -> dict[str, bytes]:
    return {str(path.relative_to(tree.model)): path.read_bytes() for path in tree.model.rglob("*") if path.is_file()}


def test_a_forest_of_shards_is_that_of_all_rows(tmp_path: Path) -> None:
    labels = (np.arange(900) % 9 == 0).astype(int)
    tests = [csv(np.column_stack([labels[part], ROWS[part]])) for part in (slice(500), slice(500, 900))]
    channels = {"train": SHARDED, "test": SHARDED}
    shards = [
        {"train/a.csv": csv(ROWS[:300]), "test/a.csv": tests[0]},
        {},
        {"train/b.csv": csv(ROWS[300:]), "test/b.csv": tests[1]},
    ]
    hosts = Hosts(tmp_path, FOREST, shards, channels)
    hosts.start()
    ends = hosts.ends()
    assert [(code, failure) for code, _, failure in ends] == [(0, "")] * 3
    for name, (_, log, _) in zip(hosts.names, ends):
        assert f"#progress_metric: host={name}, completed 100 % epochs" in log
    assert "test f1 <score>=" in ends[0][1]
    assert "test f1 <score>=" not in ends[1][1]
    assert [tree.model.exists() and any(tree.model.iterdir()) for tree in hosts.trees] == [True, False, False]

    alone = write_job(
        tmp_path / "alone", FOREST, {"train/a.csv": csv(ROWS), "test/a.csv": tests[0], "test/b.csv": tests[1]}
    )
    train({"SAGEMAKER_BASE_DIR": str(alone.base)}, io.StringIO())
    assert model_files(hosts.trees[0]) == model_files(alone)


def test_a_killed_host_fails_the_job_on_all_with_its_name(tmp_path: Path) -> None:
    shards = [{"train/a": "1\n"}, {"train/a": "2\n"}, {}]
    hosts = Hosts(tmp_path, {"shrinkage": "0", "mood": "joined"}, shards, {"train": SHARDED})
    hosts.start()
    first, second, _ = hosts.processes
    await_line(first, "Joined")
    second.kill()
    ends = hosts.ends()
    sentence = f"Host {hosts.names[1]} is gone: it was killed, or cannot be reached any more.\n"
    assert [(code, failure) for code, _, failure in ends] == [(3, sentence), (-signal.SIGKILL, ""), (3, sentence)]
    assert not any(tree.model.exists() and any(tree.model.iterdir()) for tree in hosts.trees)


def test_a_killed_first_host_fails_the_job_on_all_with_its_name(tmp_path: Path) -> None:
    shards = [{"train/a": "1\n"}, {"train/a": "2\n"}]
    hosts = Hosts(tmp_path, {"shrinkage": "0", "mood": "joined"}, shards, {"train": SHARDED})
    hosts.start()
    await_line(hosts.processes[1], "Joined")
    hosts.processes[0].kill()
    (_, _, _), (code, _, failure) = hosts.ends()
    assert code == 3
    assert failure == f"Host {hosts.names[0]}, which leads, is gone: it was killed, or cannot be reached any more.\n"


def test_an_error_in_one_shard_is_the_reason_on_all_hosts(tmp_path: Path) -> None:
    shards = [{"train/a.csv": csv(ROWS)}, {"train/b.csv": "1,2\n3,x\n"}]
    hosts = Hosts(tmp_path, FOREST, shards, {"train": SHARDED})
    hosts.start()
    (code, _, failure), (code_of_second, _, failure_of_second) = hosts.ends()
    assert (code, code_of_second) == (1, 1)
    assert failure_of_second == "train/b.csv: row 2, column 2: expected a number, got 'x'.\n"
    assert failure == f"Host {hosts.names[1]} failed: {failure_of_second}"


def test_deepar_on_shards_learns_what_one_host_learns(tmp_path: Path) -> None:
    given = json.loads((find("deepar").example_folder / "input" / "config" / "hyperparameters.json").read_text())
    given |= {
        "time_freq": "D",
        "context_length": "8",
        "prediction_length": "4",
        "num_cells": "6",
        "mini_batch_size": "40",
        "epochs": "3",
        "seed": "5",
        "num_eval_samples": "10",
        "calibrate": "true",
    }
    series = waves()
    shards = [
        {"train/a.json": json_lines(series[:8]), "test/a.json": json_lines(series)},
        {"train/b.json": json_lines(series[8:]), "test/a.json": json_lines(series)},
    ]
    hosts = Hosts(tmp_path, given, shards, {"train": SHARDED, "test": {}})
    for tree in hosts.trees:
        tree.checkpoints.mkdir()
    hosts.start(FORECASTLE_THREADS="1")
    ends = hosts.ends()
    assert [(code, failure) for code, _, failure in ends] == [(0, "")] * 2
    for name, (_, log, _) in zip(hosts.names, ends):
        assert f"#quality_metric: host={name}, epoch=2, train loss <loss>=" in log
        assert "Exchanging gradients with the other hosts took " in log
    assert "test RMSE <loss>=" in ends[0][1]
    assert not any(hosts.trees[1].checkpoints.iterdir())

    alone = write_job(tmp_path / "alone", given, {**shards[0], **shards[1]})
    train({"SAGEMAKER_BASE_DIR": str(alone.base)}, io.StringIO())
    expected, found = read_artifact(alone.model), read_artifact(hosts.trees[0].model)
    assert found.metrics == pytest.approx(expected.metrics, rel=1e-2)
    for name, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array, atol=1e-3)

    # Continued for an epoch from the checkpoint, which the second host does not have.
    shutil.rmtree(hosts.trees[0].model)
    for tree in [*hosts.trees, alone]:
        (tree.config / "hyperparameters.json").write_text(json.dumps(given | {"epochs": "4"}))
    hosts.start(FORECASTLE_THREADS="1")
    ends = hosts.ends()
    assert [(code, failure) for code, _, failure in ends] == [(0, "")] * 2
    assert all("3 epochs are done." in log for _, log, _ in ends)
    train({"SAGEMAKER_BASE_DIR": str(alone.base)}, io.StringIO())
    expected, found = read_artifact(alone.model), read_artifact(hosts.trees[0].model)
    for name, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array, atol=1e-3)


def await_line(process: "subprocess.Popen[str]", text: str) -> None:
    """Read a process's log until a line contains the text."""
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    for line in process.stdout:
        if text in line:
            return
        assert time.monotonic() < deadline
    raise AssertionError(f"{text} was not logged")
