"""A job that fills the disk that its region is kept on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.region.jobs import create, ended, lines, put_numbers
from tests.region.running_region import ROOT, RunningRegion

SMALL_DISK = ("unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=24m none "$0" && exec "$@"')
FILLS_THE_DISK = """
import os, sys
if "train" in sys.argv:
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
    """On a disk of its own, which nobody else sees."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run([*SMALL_DISK, disk, "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    with RunningRegion(disk / "home", "--bucket", "data", within=(*SMALL_DISK, str(disk))) as region:
        put_numbers(region)
        yield region


def test_a_job_that_fills_the_disk_fails_and_the_next_one_runs(region: RunningRegion, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FILLS_THE_DISK)
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    job = ended(region, create(region, Environment={"PYTHONPATH": path}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "no space left on its disk" in job["FailureReason"]

    name = create(region)
    job = ended(region, name)
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert lines(region, name)
