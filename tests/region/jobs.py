"""Training jobs of the tiny algorithm, through boto3."""

import itertools
from typing import Any

from tests.region.running_region import RunningRegion, awaited

ROLE = "arn:aws:iam::123456789012:role/forecastle"
IMAGE = "000000000000.dkr.ecr.mars-north-1.amazonaws.com/forecastle:latest"
GROUP = "/aws/sagemaker/TrainingJobs"
NUMBERS = itertools.count()


def channel(uri: str, name: str = "train", kind: str = "S3Prefix", spread: str = "FullyReplicated", **more: Any) -> Any:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": spread}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def create(region: RunningRegion, *channels: Any, name: str | None = None, **more: Any) -> str:
    """Create a job; return its name."""
    name = name or f"job-{next(NUMBERS)}"
    hyperparameters = {"shrinkage": "0", **more.pop("hyperparameters", {})}
    specification = {"TrainingImage": more.pop("image", IMAGE), "TrainingInputMode": more.pop("mode", "File")}
    specification |= more.pop("specification", {})
    request = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": specification,
        "HyperParameters": hyperparameters,
        "InputDataConfig": list(channels) or [channel("s3://data/numbers/")],
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **more,
    }
    region.client("sagemaker").create_training_job(**request)
    return name


def ended(region: RunningRegion, name: str) -> Any:
    """The description of a job that has ended, waited for."""
    sagemaker = region.client("sagemaker")

    def found() -> Any:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return awaited(found, f"the end of {name}")


def lines(region: RunningRegion, name: str) -> list[str]:
    """All lines of a job's log, host by host."""
    logs = region.client("logs")
    found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    pages = (
        logs.get_log_events(logGroupName=GROUP, logStreamName=each["logStreamName"], startFromHead=True)
        for each in found
    )
    return [event["message"] for page in pages for event in page["events"]]


def put_numbers(region: RunningRegion, prefix: str = "numbers/", count: int = 1) -> None:
    """Objects with one number each: 1, 2, …"""
    for number in range(1, count + 1):
        region.client("s3").put_object(Bucket="data", Key=f"{prefix}{number}.csv", Body=f"{number}\n".encode())
