"""Training jobs in the image."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from forecastle.contract.artifact import Artifact, read_artifact, write_artifact
from forecastle.contract.errors import OutOfSpace, UserError
from tests.image.conftest import Figures
from tests.image.container import (
    CACHE_LOG,
    PATIENCE_SECONDS,
    ROOT,
    STRANGER,
    await_running,
    docker,
    files,
    started,
    train,
)
from tests.image.example import ALGORITHMS, WRONG, train_here, write_job

pytestmark = pytest.mark.image


def test_a_job_does_what_it_does_outside_the_image(trained: Path, algorithm: str, tmp_path: Path) -> None:
    here = write_job(tmp_path / "ml", algorithm)
    train_here(here)
    metrics = [json.loads((tree / "output" / "data" / "metrics.json").read_text()) for tree in (trained, here)]
    assert metrics[0] == metrics[1]
    assert files(trained / "model") == files(here / "model")


def test_what_a_stranger_trains_is_the_strangers(trained: Path) -> None:
    made = [path for folder in ("model", "output") for path in (trained / folder).rglob("*")]
    assert {path.name for path in made} >= {"manifest.json", "metrics.json"}
    assert {path.stat().st_uid for path in made} == {12345}


def test_root_trains_without_compiling_or_writing_anywhere_else(
    image: str, algorithm: str, trained: Path, tmp_path: Path, figures: Figures
) -> None:
    tree = write_job(tmp_path / "ml", algorithm)
    since = time.monotonic()
    with started(image, "train", *ROOT, *CACHE_LOG, "-v", f"{tree}:/opt/ml") as name:
        assert docker("wait", name).stdout.strip() == "0", docker("logs", name).stderr
        figures.add(f"{algorithm}: the example's job, from docker run to its end", time.monotonic() - since, "s")
        log = docker("logs", name).stdout
        assert_nothing_written(name)
    assert_nothing_compiled(log)
    assert files(tree / "model") == files(trained / "model")  # a seed is a seed
    assert {path.stat().st_uid for path in (tree / "model").iterdir()} == {os.getuid()}


def assert_nothing_compiled(log: str) -> None:
    assert "[cache] data loaded" in log
    assert not re.findall(r"\[cache\].*saved.*", log)  # nor tried to save


def assert_nothing_written(name: str) -> None:
    """Except in /tmp and mounts, which `docker diff` omits; the mount points are new."""
    changed = docker("diff", name).stdout.splitlines()
    assert [line for line in changed if not re.fullmatch(r"C /opt|[AC] /opt/ml(/\w+)?|C /tmp|[AC] /tmp/.*", line)] == []


@pytest.mark.parametrize("options", [ROOT, STRANGER], ids=["root", "stranger"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_job_that_cannot_be_done_exits_1_with_its_cause_first(
    image: str, algorithm: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    name, value, cause = WRONG[algorithm]
    tree = write_job(tmp_path / "ml", algorithm, **{name: value})
    done = train(image, tree, *options)
    assert done.returncode == UserError.exit_code == 1
    assert done.stderr == f"forecastle: {cause}\n"
    assert (tree / "output" / "failure").read_text().splitlines()[0] == cause
    assert list((tree / "model").iterdir()) == []


@pytest.mark.parametrize("algorithm", ["random_cut_forest"])
def test_a_full_disk_below_the_model_is_one_sentence(image: str, algorithm: str, tmp_path: Path) -> None:
    tree = write_job(tmp_path / "ml", algorithm)
    done = train(image, tree, "--tmpfs", "/opt/ml/model:size=64k")
    sentence = r"/opt/ml/model/content-\w+/\w+\.npy: no space left on its disk\."
    assert done.returncode == OutOfSpace.exit_code
    assert re.fullmatch(rf"forecastle: {sentence}\n", done.stderr)
    assert re.fullmatch(sentence, (tree / "output" / "failure").read_text().splitlines()[0])


@pytest.mark.parametrize("algorithm", ["random_cut_forest"])
def test_a_full_disk_below_the_output_is_one_sentence_before_the_training(
    image: str, algorithm: str, tmp_path: Path
) -> None:
    tree = write_job(tmp_path / "ml", algorithm)
    mounts = ("--tmpfs", "/opt/ml/output:size=4k", "-v", f"{tree}:/opt/ml")
    fill_up = "cat /dev/zero >/opt/ml/output/zeros 2>/tmp/full; exec forecastle train"
    done = docker("run", "--rm", *mounts, "--entrypoint", "sh", image, "-c", fill_up, check=False)
    assert done.returncode == OutOfSpace.exit_code
    full = "no space left on its disk."
    assert done.stderr == f"forecastle: /opt/ml/output/data/.writable: {full}\n"
    assert list((tree / "model").iterdir()) == []


def test_a_job_that_is_killed_leaves_the_model_that_was_there(image: str, tmp_path: Path) -> None:
    tree = write_job(tmp_path / "ml", "deepar", epochs="1000")
    write_artifact(tree / "model", Artifact({}, algorithm="deepar"))
    before = files(tree / "model")
    since = time.monotonic()
    with started(image, "train", "-v", f"{tree}:/opt/ml") as job:
        while "#quality_metric: host=algo-1, epoch=0" not in docker("logs", job).stdout:
            await_running(job, since)
        assert docker("exec", job, "python", "-m", "forecastle.container.healthcheck").returncode == 0
        docker("kill", job)
    assert files(tree / "model") == before


def test_a_job_killed_while_writing_leaves_a_complete_model_or_none(image: str, tmp_path: Path) -> None:
    tree = write_job(tmp_path / "ml", "random_cut_forest", num_trees="1000", num_samples_per_tree="2048")
    since = time.monotonic()
    with started(image, "train", "-v", f"{tree}:/opt/ml") as job:
        while not any("content-" in path.name for path in (tree / "model").iterdir()):
            assert time.monotonic() < since + PATIENCE_SECONDS
        docker("kill", job, check=False)  # it may have ended
    if (tree / "model" / "manifest.json").exists():
        assert read_artifact(tree / "model").algorithm == "random_cut_forest"
