"""Training jobs from their channels to their models, through boto3."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.region.endpoints import config, model
from tests.region.jobs import IMAGE, channel, create, ended, lines, put_numbers
from tests.region.running_region import ROOT, RunningRegion, awaited


@pytest.fixture(autouse=True)
def numbers(region: RunningRegion) -> None:
    put_numbers(region, count=3)


def mean(region: RunningRegion, name: str) -> float:
    """The mean in the job's model."""
    answer = region.client("s3").get_object(Bucket="data", Key=f"out/{name}/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read())) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        return float(json.load(manifest)["metrics"]["train:mean"])


def test_a_job_goes_through_its_statuses_and_leaves_a_model(region: RunningRegion) -> None:
    name = create(region, Tags=[{"Key": "team", "Value": "data"}])
    job = ended(region, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed"), job
    transitions = [(each["Status"], each["StatusMessage"]) for each in job["SecondaryStatusTransitions"]]
    assert transitions == [
        ("Starting", "Starting the training job"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    times = [job["CreationTime"], job["TrainingStartTime"], job["TrainingEndTime"]]
    assert times == sorted(times)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://data/out/{name}/output/model.tar.gz"
    assert job["OutputDataConfig"] == {"S3OutputPath": "s3://data/out", "KmsKeyId": ""}
    assert mean(region, name) == 2
    tags = region.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "data"}]


def test_a_repository_may_have_the_name_of_an_algorithm(region: RunningRegion) -> None:
    job = ended(region, create(region, image="example.com/any/column-mean@sha256:" + "0" * 64))
    assert job["TrainingJobStatus"] == "Completed", job


def test_the_log_has_paths_below_opt_ml(region: RunningRegion) -> None:
    name = create(region)
    ended(region, name)
    found = lines(region, name)
    assert any("Mood: well" in line for line in found)
    assert any("from /opt/ml/input/config/hyperparameters.json" in line for line in found)
    assert str(region.home) not in "".join(found)


@pytest.mark.parametrize("mode", ["File", "FastFile", "Pipe"])
def test_every_input_mode_provides_all_objects(region: RunningRegion, mode: str) -> None:
    name = create(region, channel("s3://data/numbers/"), mode=mode)
    assert ended(region, name)["TrainingJobStatus"] == "Completed", lines(region, name)
    assert mean(region, name) == 2


def test_a_manifest_lists_the_objects(region: RunningRegion) -> None:
    manifest = json.dumps([{"prefix": "s3://data/numbers/"}, "1.csv", "2.csv"])
    region.client("s3").put_object(Bucket="data", Key="some.manifest", Body=manifest.encode())
    name = create(region, channel("s3://data/some.manifest", kind="ManifestFile", spread="ShardedByS3Key"))
    assert ended(region, name)["TrainingJobStatus"] == "Completed"
    assert mean(region, name) == 1.5


def test_several_hosts_share_the_objects(region: RunningRegion) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    for number, body in (("1", b"1\n2\n"), ("2", b"6\n")):
        region.client("s3").put_object(Bucket="data", Key=f"shards/{number}.csv", Body=body)
    name = create(region, channel("s3://data/shards/", spread="ShardedByS3Key"), ResourceConfig=resources)
    assert ended(region, name)["TrainingJobStatus"] == "Completed", lines(region, name)
    assert mean(region, name) == 3
    found = "\n".join(lines(region, name))
    assert found.count("All 2 hosts have come: algo-1, algo-2.") == 2


def test_a_host_that_fails_ends_the_job_on_all(region: RunningRegion) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    for number, body in (("1", b"1\n2\n"), ("2", b"six\n")):
        region.client("s3").put_object(Bucket="data", Key=f"odd/{number}.csv", Body=body)
    name = create(region, channel("s3://data/odd/", spread="ShardedByS3Key"), ResourceConfig=resources)
    reason = ended(region, name)["FailureReason"]
    assert reason.startswith("AlgorithmError: Host algo-2 failed: Internal error in forecastle: ValueError: could not")


@pytest.mark.parametrize(
    ("prefix", "expected"), [("s3://data/numbers", 2), ("s3://data/numbers/3.csv", 3), ("s3://data/num", 2)]
)
def test_a_prefix_need_not_end_with_a_slash(region: RunningRegion, prefix: str, expected: float) -> None:
    name = create(region, channel(prefix))
    assert ended(region, name)["TrainingJobStatus"] == "Completed"
    assert mean(region, name) == expected


def test_a_prefix_without_objects_fails_in_sagemakers_words(region: RunningRegion) -> None:
    job = ended(region, create(region, channel("s3://data/nothing/")))
    assert job["FailureReason"] == (
        'ClientError: No S3 objects found under S3 URL "s3://data/nothing/" given in input data source. Please ensure '
        "that the bucket exists in the selected region, that objects exist under that S3 prefix, and that the role "
        '"arn:aws:iam::123456789012:role/forecastle" has "s3:ListBucket" permissions on bucket "data".'
    )


def test_a_key_cannot_leave_the_channels_folder(region: RunningRegion) -> None:
    region.client("s3").put_object(Bucket="data", Key="escape/../evil", Body=b"1\n")
    job = ended(region, create(region, channel("s3://data/escape/")))
    assert job["FailureReason"] == (
        "ClientError: s3://data/escape/../evil: this key cannot be the path of a file below a folder."
    )


def test_a_missing_output_bucket_fails_the_job_before_training(region: RunningRegion) -> None:
    job = ended(region, create(region, OutputDataConfig={"S3OutputPath": "s3://nowhere-at-all/out"}))
    assert job["FailureReason"].endswith("the bucket nowhere-at-all does not exist.")
    assert "TrainingStartTime" not in job


def test_wrong_input_is_a_client_error_with_our_message(region: RunningRegion) -> None:
    job = ended(region, create(region, hyperparameters={"shrinkage": "2"}))
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Hyperparameter shrinkage must be a number in [0, 1]. Got '2'., exit code: 1"
    )


def test_a_fault_of_the_algorithm_is_an_algorithm_error(region: RunningRegion) -> None:
    job = ended(region, create(region, hyperparameters={"mood": "faulty"}))
    assert job["FailureReason"].startswith(
        "AlgorithmError: Internal error in forecastle: ZeroDivisionError: division by zero"
    )
    assert job["FailureReason"].endswith("exit code: 2") or len(job["FailureReason"]) == 1024


@pytest.mark.parametrize("mood", ["finishing", "stopped"])
def test_a_job_can_be_stopped(region: RunningRegion, mood: str) -> None:
    sagemaker = region.client("sagemaker")
    name = create(region, hyperparameters={"mood": mood})
    awaited(lambda: any("Mood" in line for line in _lines_if_any(region, name)), "the job's first lines")
    sagemaker.stop_training_job(TrainingJobName=name)
    job = ended(region, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    if mood == "finishing":
        assert mean(region, name) == 2
    with pytest.raises(ClientError, match="because the training job is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_takes_too_long_is_stopped(region: RunningRegion) -> None:
    name = create(region, hyperparameters={"mood": "finishing"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = ended(region, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_metrics_are_found_in_the_log(region: RunningRegion) -> None:
    definitions = [{"Name": "numbers", "Regex": r'"numbers": \{"sum": (\S+),'}]
    job = ended(region, create(region, specification={"MetricDefinitions": definitions}))
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [("numbers", 3.0)]


def test_metrics_that_the_algorithm_declares_are_found_in_the_log(region: RunningRegion) -> None:
    job = ended(region, create(region, image=IMAGE.replace("forecastle:", "column-mean:")))
    (defined,) = job["AlgorithmSpecification"]["MetricDefinitions"]
    assert defined["Name"] == "train:numbers"
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [("train:numbers", 3.0)]


def test_a_job_stopped_before_it_has_a_model_uploads_none(region: RunningRegion) -> None:
    name = create(region, hyperparameters={"mood": "stopped"}, StoppingCondition={"MaxRuntimeInSeconds": 2})
    assert "ModelArtifacts" not in ended(region, name)
    found = region.client("s3").list_objects_v2(Bucket="data", Prefix=f"out/{name}/")
    assert "Contents" not in found


def test_a_checkpoint_cannot_leave_its_folder(region: RunningRegion) -> None:
    region.client("s3").put_object(Bucket="data", Key="taken/../evil", Body=b"x")
    job = ended(region, create(region, CheckpointConfig={"S3Uri": "s3://data/taken/"}))
    assert job["FailureReason"] == (
        "ClientError: s3://data/taken/../evil: this key cannot be the path of a file below a folder."
    )


def test_a_model_has_no_temporary_files(region: RunningRegion, tmp_path: Path) -> None:
    """Such as those of a killed writer; other files whose names begin with a dot are uploaded."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "for name in ('.part.npz.a1b2c3_4', '.kept') if 'train' in sys.argv else ():\n"
        "    open(os.path.join(os.environ['SAGEMAKER_BASE_DIR'], 'model', name), 'w').close()\n"
    )
    name = create(region, Environment={"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT)))})
    assert ended(region, name)["TrainingJobStatus"] == "Completed"
    answer = region.client("s3").get_object(Bucket="data", Key=f"out/{name}/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read())) as tar:
        names = tar.getnames()
    assert [each for each in names if each.startswith(".")] == [".kept"]
    assert "manifest.json" in names


def test_checkpoints_are_restored_and_uploaded(region: RunningRegion) -> None:
    s3 = region.client("s3")
    s3.put_object(Bucket="data", Key="checkpoints/", Body=b"")
    s3.put_object(Bucket="data", Key="checkpoints/one/state", Body=b"kept")
    name = create(region, CheckpointConfig={"S3Uri": "s3://data/checkpoints/"})
    assert ended(region, name)["TrainingJobStatus"] == "Completed"
    assert s3.get_object(Bucket="data", Key="checkpoints/one/state")["Body"].read() == b"kept"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"name": "a_b", "RoleArn": "not an ARN, but long"},
            "2 validation errors detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}; Value 'not an ARN, but long' at ",
        ),
        (
            {"specification": {"MetricDefinitions": [{"Name": "a", "Regex": "("}]}},
            "MetricDefinitions: a: '(' is not a regular expression",
        ),
    ],
)
def test_an_invalid_job_is_refused_at_once(region: RunningRegion, more: dict[str, str], sentence: str) -> None:
    with pytest.raises(ClientError) as refused:
        create(region, **more)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"].startswith(sentence)


def test_an_image_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", path="/nonexistent") as region:
        with pytest.raises(ClientError) as refused:
            create(region, image="example.com/some/xgboost:1")
        assert refused.value.response["Error"]["Message"] == (
            "The image example.com/some/xgboost:1 is not one of this region's own (randomcutforest, "
            "forecasting-deepar, forecastle), and there is no Docker engine to run it."
        )


def test_an_image_that_docker_cannot_run_fails_with_dockers_reason(tmp_path: Path) -> None:
    client = tmp_path / "bin" / "docker"  # a client whose engine cannot pull images
    client.parent.mkdir()
    client.write_text(
        "#!/bin/sh\n"
        "[ $1 = version ] && echo 27.0 && exit 0\n"
        "[ $1 = run ] && printf 'Unable to find image\\ndocker: Error response from daemon: pull access denied.\\n\\n"
        "Run \\047docker run --help\\047 for more information\\n' >&2 && exit 125\n"
        "exit 1\n"
    )
    client.chmod(0o755)
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    reason = (
        f"Docker cannot run the image {image}: Error response from daemon: pull access denied. "
        "Images of AWS's own algorithms can be pulled with an AWS account only."
    )
    with RunningRegion(tmp_path / "home", "--bucket", "data", path=f"{client.parent}:{os.environ['PATH']}") as region:
        put_numbers(region)
        job = ended(region, create(region, image=image))
        assert job["FailureReason"] == f"ClientError: {reason}"
        uri = ended(region, create(region))["ModelArtifacts"]["S3ModelArtifacts"]
        sagemaker = region.client("sagemaker")
        served = config(region, {"one": (model(region, uri, Image=image), 1.0)})
        sagemaker.create_endpoint(EndpointName="foreign", EndpointConfigName=served)
        endpoint = awaited(
            lambda: (
                (found := sagemaker.describe_endpoint(EndpointName="foreign"))["EndpointStatus"] != "Creating" and found
            ),
            "the end of the deployment",
        )
        assert f"({reason})" in endpoint["FailureReason"]
    code = subprocess.run(
        [sys.executable, "-m", "forecastle", "region", "up", "--home", str(tmp_path / "other"), "--docker", "mine:1"],
        env={"PATH": "/nonexistent", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (code.returncode, code.stderr) == (1, "forecastle: --docker mine:1: there is no Docker engine to run it.\n")


def test_a_name_is_unique(region: RunningRegion) -> None:
    name = create(region)
    with pytest.raises(ClientError, match="a training job with this name already exists") as refused:
        create(region, name=name)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    ended(region, name)


def test_jobs_are_listed_by_page(region: RunningRegion) -> None:
    names = [create(region, name=f"listed-{number}") for number in range(3)]
    for name in names:
        ended(region, name)
    pages = region.client("sagemaker").get_paginator("list_training_jobs")
    found = pages.paginate(
        NameContains="listed-", StatusEquals="Completed", SortBy="Name", SortOrder="Ascending", MaxResults=2
    )
    assert [[each["TrainingJobName"] for each in page["TrainingJobSummaries"]] for page in found] == [
        names[:2],
        names[2:],
    ]


def test_an_unknown_job_is_refused(region: RunningRegion) -> None:
    with pytest.raises(ClientError, match="Requested resource not found"):
        region.client("sagemaker").describe_training_job(TrainingJobName="unknown")


def _lines_if_any(region: RunningRegion, name: str) -> list[str]:
    try:
        return lines(region, name)
    except ClientError:  # before the first line there is no group
        return []
