"""Checkpoints: uploaded while a job runs, complete when it ends however it ends, and there again for the next job."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.region.jobs import channel, create, ended, lines, put_numbers
from tests.region.running_region import RunningRegion, awaited, commands_with

DEEPAR = "522234722520.dkr.ecr.us-east-1.amazonaws.com/forecasting-deepar:1"


def stepping(region: RunningRegion, prefix: str, mood: str = "stepping", **more: Any) -> str:
    """A job that writes the number of each step into a checkpoint."""
    put_numbers(region)
    uri = f"s3://data/{prefix}"
    return create(region, hyperparameters={"mood": mood}, CheckpointConfig={"S3Uri": uri}, **more)


def kept(region: RunningRegion, key: str) -> bytes | None:
    try:
        return bytes(region.client("s3").get_object(Bucket="data", Key=key)["Body"].read())
    except ClientError:
        return None


def steps(region: RunningRegion, prefix: str) -> int:
    """The step that the bucket has."""
    return int(kept(region, f"{prefix}/deep/steps") or 0)


def stop(region: RunningRegion, name: str) -> Any:
    region.client("sagemaker").stop_training_job(TrainingJobName=name)
    return ended(region, name)


def test_checkpoints_are_uploaded_while_the_job_runs(region: RunningRegion) -> None:
    name = stepping(region, "steps-running/")
    first = awaited(lambda: steps(region, "steps-running"), "a checkpoint")
    awaited(lambda: steps(region, "steps-running") > first, "another checkpoint")
    described = region.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert described["SecondaryStatus"] == "Training"
    assert kept(region, "steps-running/end") is None
    stop(region, name)


def test_they_are_complete_after_a_stop_that_leaves_no_model(region: RunningRegion) -> None:
    name = stepping(region, "steps-stopped")  # without a slash in the end
    awaited(lambda: steps(region, "steps-stopped"), "a checkpoint")
    job = stop(region, name)
    assert (job["TrainingJobStatus"], "ModelArtifacts" in job) == ("Stopped", False)
    last = steps(region, "steps-stopped")
    assert int(kept(region, "steps-stopped/end") or 0) == last
    second = stepping(region, "steps-stopped")
    awaited(lambda: steps(region, "steps-stopped") > last, "the next job's checkpoint")
    stop(region, second)
    assert f"Continuing after step {last}" in "\n".join(lines(region, second))


def test_they_are_complete_after_a_failure(region: RunningRegion) -> None:
    job = ended(region, stepping(region, "steps-failed", "stumbling"))
    assert job["TrainingJobStatus"] == "Failed"
    assert (steps(region, "steps-failed"), kept(region, "steps-failed/end")) == (20, b"20")


def test_they_are_complete_when_time_runs_out(region: RunningRegion) -> None:
    job = ended(region, stepping(region, "steps-late", StoppingCondition={"MaxRuntimeInSeconds": 2}))
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert int(kept(region, "steps-late/end") or 0) == steps(region, "steps-late") > 0


def test_another_prefix_that_begins_alike_is_not_brought_in(region: RunningRegion) -> None:
    region.client("s3").put_object(Bucket="data", Key="steps-alike-2/deep/steps", Body=b"1000000")
    region.client("s3").put_object(Bucket="data", Key="steps-alike/deep/steps", Body=b"7")
    name = stepping(region, "steps-alike", "stumbling")
    assert ended(region, name)["TrainingJobStatus"] == "Failed"
    assert "Continuing after step 7" in "\n".join(lines(region, name))


def test_what_no_job_changed_is_not_written_again(region: RunningRegion) -> None:
    s3 = region.client("s3")
    s3.put_object(Bucket="data", Key="steps-same/other", Body=b"kept", Metadata={"whose": "mine"})
    ended(region, stepping(region, "steps-same", "stumbling"))
    assert s3.head_object(Bucket="data", Key="steps-same/other")["Metadata"] == {"whose": "mine"}


def test_a_missing_bucket_fails_the_job(region: RunningRegion) -> None:
    put_numbers(region)
    job = ended(region, create(region, CheckpointConfig={"S3Uri": "s3://not-there/steps"}))
    assert job["FailureReason"].startswith("ClientError: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_region_that_ends_leaves_them_to_the_next_job(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with RunningRegion(home, "--bucket", "data") as region:
        stepping(region, "steps")
        seen = awaited(lambda: steps(region, "steps"), "a checkpoint")
        region.stop(number)
    with RunningRegion(home, "--bucket", "data") as region:
        before = steps(region, "steps")
        assert before >= seen
        name = stepping(region, "steps")
        awaited(lambda: steps(region, "steps") > before, "the next job's checkpoint")
        stop(region, name)
        assert f"Continuing after step {before}" in "\n".join(lines(region, name))


def test_a_deepar_job_that_is_killed_is_continued_by_another(region: RunningRegion) -> None:
    """As managed spot training does when an instance is taken away."""
    rng = np.random.default_rng(1)
    series = [{"start": "2024-01-01", "target": [round(float(x), 3) for x in rng.random(120)]} for _ in range(4)]
    body = "".join(f"{json.dumps(each)}\n" for each in series).encode()
    region.client("s3").put_object(Bucket="data", Key="spot/train/series.json", Body=body)
    given = {"time_freq": "D", "context_length": "7", "prediction_length": "7", "num_cells": "8", "num_layers": "1"}
    more: dict[str, Any] = {
        "image": DEEPAR,
        "HyperParameters": given | {"epochs": "100000"},
        "CheckpointConfig": {"S3Uri": "s3://data/spot/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 3600},
    }
    name = create(region, channel("s3://data/spot/train/"), **more)
    awaited(lambda: kept(region, "spot/checkpoints/deepar.npz"), "the first checkpoint")
    for pid, command in commands_with(f"TRAINING_JOB_NAME={name}").items():
        if " train" in command:
            os.kill(pid, signal.SIGKILL)
    job = ended(region, name)
    assert (job["TrainingJobStatus"], "killed by signal 9" in job["FailureReason"]) == ("Failed", True)
    second = create(region, channel("s3://data/spot/train/"), **more)

    def done() -> int:
        text = "\n".join(_lines_if_any(region, second))
        _, found, rest = text.partition("Continuing from the checkpoint in /opt/ml/checkpoints: ")
        return int(rest.split()[0]) if found else 0

    assert awaited(done, "the line that says how many epochs are done") > 0
    assert stop(region, second)["TrainingJobStatus"] == "Stopped"


def _lines_if_any(region: RunningRegion, name: str) -> list[str]:
    try:
        return lines(region, name)
    except ClientError:  # before the first line there is no group
        return []
