"""Jobs that fill the disk with the region's folder."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.region import test_transform_jobs as transform
from tests.region import test_tuning_jobs as tuning
from tests.region.endpoints import model, trained
from tests.region.jobs import create, ended, lines, put_numbers
from tests.region.running_region import ROOT, RunningRegion

SMALL_DISK = ("unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=24m none "$0" && exec "$@"')
FILLS_THE_DISK = """
import os, sys
if os.environ["FILLS_IN"] in sys.argv:
    with open(os.environ["SAGEMAKER_BASE_DIR"] + "/model/large", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            print(error, flush=True)
    for number in range(2000):
        print("more than a pipe takes" * 10, flush=True)
"""


@pytest.fixture
def region(tmp_path: Path) -> Iterator[RunningRegion]:
    """A region on a small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run([*SMALL_DISK, disk, "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    with RunningRegion(disk / "home", "--bucket", "data", within=(*SMALL_DISK, str(disk))) as region:
        put_numbers(region)
        yield region


def filling(tmp_path: Path, verb: str) -> dict[str, Any]:
    """The environment in which `forecastle VERB` fills its disk first."""
    (tmp_path / "sitecustomize.py").write_text(FILLS_THE_DISK)
    return {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT))), "FILLS_IN": verb}


def test_a_training_job_that_fills_the_disk_fails_and_the_next_one_runs(region: RunningRegion, tmp_path: Path) -> None:
    job = ended(region, create(region, Environment=filling(tmp_path, "train")))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "no space left on its disk" in job["FailureReason"]

    name = create(region)
    job = ended(region, name)
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert lines(region, name)


def test_a_transform_job_that_fills_the_disk_fails_and_the_next_one_runs(region: RunningRegion, tmp_path: Path) -> None:
    uri = trained(region)
    job = transform.run(region, model(region, uri, Environment=filling(tmp_path, "serve")), "s3://data/numbers/")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "InternalServerError: no space left on the disk of the region's folder."

    job = transform.run(region, model(region, uri), "s3://data/numbers/")
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)


def test_a_tuning_job_whose_training_fills_the_disk_fails_and_the_next_one_runs(
    region: RunningRegion, tmp_path: Path
) -> None:
    given = {"ContinuousParameterRanges": [tuning.SHRINKAGE]}
    job = tuning.ended(region, tuning.create(region, given, most=2, environ=filling(tmp_path, "train")))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert job["FailureReason"].startswith("No training job succeeded.")

    job = tuning.ended(region, tuning.create(region, given, most=1))
    assert (job["HyperParameterTuningJobStatus"], job.get("FailureReason")) == ("Completed", None)
