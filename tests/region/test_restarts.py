"""A region that ends in the middle of each kind of work, and starts again."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.region.endpoints import answer, config, endpoint, model, settled, trained
from tests.region.jobs import IMAGE, ROLE, channel, put_numbers
from tests.region.running_region import RunningRegion, awaited, processes_with

STOPPED = "InternalServerError: The region was stopped while the job ran. Start the job again."
ENDS = [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("number", ENDS)
def test_an_update_that_was_acknowledged_is_done(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with RunningRegion(home, "--bucket", "data") as region:
        name = model(region, trained(region))
        first, second = (config(region, {variant: (name, 1.0)}) for variant in ("one", "two"))
        updated = endpoint(region, first)
        region.client("sagemaker").update_endpoint(EndpointName=updated, EndpointConfigName=second)
        region.stop(number)
    awaited(lambda: not processes_with(str(home)), "the end of all processes")
    with RunningRegion(home, "--bucket", "data") as region:
        sagemaker = region.client("sagemaker")

        def done() -> Any:
            found = sagemaker.describe_endpoint(EndpointName=updated)
            return found if found["EndpointConfigName"] == second and found["EndpointStatus"] == "InService" else None

        described = awaited(done, "the update")
        assert [each["VariantName"] for each in described["ProductionVariants"]] == ["two"]
        assert answer(region, updated, TargetVariant="two") == b'{"mean": 2.000}'
        region.stop(number)
    with RunningRegion(home, "--bucket", "data") as region:  # once and for all
        assert settled(region, updated)["EndpointConfigName"] == second


@pytest.mark.parametrize("number", ENDS)
def test_jobs_that_ran_have_failed_and_nothing_half_done_is_there(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with RunningRegion(home, "--bucket", "data") as region:
        put_numbers(region)
        sagemaker, s3 = region.client("sagemaker"), region.client("s3")
        name = model(region, trained(region))
        for index in range(8):
            s3.put_object(Bucket="data", Key=f"in/{index}", Body=b"1\n" * 100_000)
        sagemaker.create_transform_job(TransformJobName="transform", ModelName=name, **_transform())
        sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning", **_tuning())
        awaited(lambda: _children(region), "a training job of the tuning job")
        upload = s3.create_multipart_upload(Bucket="data", Key="parts")["UploadId"]
        part = {"Bucket": "data", "Key": "parts", "UploadId": upload}
        etag = s3.upload_part(**part, PartNumber=1, Body=b"kept")["ETag"]
        region.stop(number)
    awaited(lambda: not processes_with(str(home)), "the end of all processes")
    with RunningRegion(home, "--bucket", "data") as region:
        sagemaker, s3 = region.client("sagemaker"), region.client("s3")
        transform = sagemaker.describe_transform_job(TransformJobName="transform")
        tuning = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning")
        assert (transform["TransformJobStatus"], transform["FailureReason"]) == ("Failed", STOPPED)
        assert (tuning["HyperParameterTuningJobStatus"], tuning["FailureReason"]) == ("Failed", STOPPED)
        assert {each["TrainingJobStatus"] for each in _children(region)} == {"Failed"}
        s3.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        assert s3.get_object(Bucket="data", Key="parts")["Body"].read() == b"kept"


def _children(region: RunningRegion) -> list[Any]:
    listed = region.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuning"
    )
    return list(listed["TrainingJobSummaries"])


def _transform() -> dict[str, Any]:
    """One request a line, which takes longer than the region lives."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in/"}}
    return {
        "BatchStrategy": "SingleRecord",
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": "s3://data/scores"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }


def _tuning() -> dict[str, Any]:
    """A job that trains until it is stopped."""
    definitions = [{"Name": "m", "Regex": r"m=(\S+)"}]
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": definitions}
    ranges = {"ContinuousParameterRanges": [{"Name": "shrinkage", "MinValue": "0", "MaxValue": "1"}]}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "m"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {"mood": "finishing"},
            "AlgorithmSpecification": specification,
            "RoleArn": ROLE,
            "InputDataConfig": [channel("s3://data/numbers/")],
            "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
