"""CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs and StopTrainingJob."""

import re
import time
from typing import Any

from forecastle.region.account import arn
from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.listing import Kind, list_of
from forecastle.region.sagemaker.training.job import Job
from forecastle.region.sagemaker.training.measures import definitions
from forecastle.region.sagemaker.training.status import ENDED, KIND, MESSAGES, move
from forecastle.region.wire.refusal import Refusal, invalid

Request = dict[str, Any]

LISTED = Kind(
    KIND,
    "TrainingJobSummaries",
    (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
    ),
    "TrainingJobName",
    "TrainingJobStatus",
)


def create(region: LocalRegion, request: Request) -> Request:
    made = begin(region, request)
    return {"TrainingJobArn": made["TrainingJobArn"]}


def begin(region: LocalRegion, request: Request, **more: Any) -> Request:
    """Keep a job and queue it; its record."""
    name, now = request["TrainingJobName"], time.time()
    algorithm = request.get("AlgorithmSpecification", {})
    if not algorithm.get("TrainingImage"):
        raise invalid(
            "AlgorithmSpecification must have a TrainingImage: this region has no algorithms of a marketplace."
        )
    start = launcher(algorithm["TrainingImage"], region)
    channels = [each["ChannelName"] for each in request.get("InputDataConfig", [])]
    if len(set(channels)) < len(channels):
        raise invalid("The names of channels in InputDataConfig must differ from each other.")
    defined = definitions(algorithm.get("MetricDefinitions", []), start.algorithm)
    for each in defined:
        try:
            re.compile(each["Regex"])
        except re.error as error:
            raise invalid(
                f"MetricDefinitions: {each['Name']}: {each['Regex']!r} is no regular expression ({error})."
            ) from None
    output = {"KmsKeyId": ""} | request["OutputDataConfig"]  # SDK 2 reads the key's name without asking
    job = request | {
        "TrainingJobArn": arn("sagemaker", f"training-job/{name}"),
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": now, "StatusMessage": MESSAGES["Starting"]}],
        "CreationTime": now,
        "LastModifiedTime": now,
        "AlgorithmSpecification": algorithm | {"MetricDefinitions": defined},
        "OutputDataConfig": output,
        **more,
    }
    job.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": 86400})
    job.setdefault("ResourceConfig", {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30})
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        job.setdefault(flag, False)
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise Refusal(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this name "
                f"already exists ({job['TrainingJobArn']})",
            )
        tags.keep(region, job["TrainingJobArn"], job.pop("Tags", []))
        region.state.put(KIND, name, job)
    region.say(f"training job {name}: Starting")
    region.jobs.add(Job(region, name))
    return job


def describe(region: LocalRegion, request: Request) -> Request:
    return _job(region, request)


def list_(region: LocalRegion, request: Request) -> Request:
    return list_of(region, request, LISTED)


def stop(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        job = _job(region, request)
        if job["TrainingJobStatus"] in ENDED:
            raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")
        move(region, job["TrainingJobName"], "Stopping")
    if region.jobs.stop(job["TrainingJobName"]):
        move(region, job["TrainingJobName"], "Stopped")
    return {}


def _job(region: LocalRegion, request: Request) -> Request:
    job = region.state.get(KIND, request["TrainingJobName"])
    if job is None:
        raise invalid("Requested resource not found.")
    return job
