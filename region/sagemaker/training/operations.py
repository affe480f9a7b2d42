"""CreateTrainingJob."""

import re
import time
from typing import Any

from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.training.job import TrainingJob
from forecastle.region.sagemaker.training.measures import definitions
from forecastle.region.sagemaker.training.status import MESSAGES, TRAINING
from forecastle.region.wire.refusal import invalid

Request = dict[str, Any]


def create(region: LocalRegion, request: Request) -> Request:
    return begin(region, request)


def begin(region: LocalRegion, request: Request, **more: Any) -> Request:
    """Store a job with additional members and queue it; return the result of CreateTrainingJob."""
    now = time.time()
    algorithm = request.get("AlgorithmSpecification", {})
    if not algorithm.get("TrainingImage"):
        raise invalid("AlgorithmSpecification must have a TrainingImage: this region has no marketplace algorithms.")
    start = launcher(algorithm["TrainingImage"], region)
    channels = [each["ChannelName"] for each in request.get("InputDataConfig", [])]
    if len(set(channels)) < len(channels):
        raise invalid("The names of channels in InputDataConfig must differ from each other.")
    defined = definitions(algorithm.get("MetricDefinitions", []), start.metrics())
    for each in defined:
        try:
            re.compile(each["Regex"])
        except re.error as error:
            raise invalid(
                f"MetricDefinitions: {each['Name']}: {each['Regex']!r} is not a regular expression ({error})."
            ) from None
    output = {"KmsKeyId": ""} | request["OutputDataConfig"]  # SDK 2 requires the member
    job = request | {
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": now, "StatusMessage": MESSAGES["Starting"]}],
        "AlgorithmSpecification": algorithm | {"MetricDefinitions": defined},
        "OutputDataConfig": output,
        **more,
    }
    job.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": 86400})
    job.setdefault("ResourceConfig", {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30})
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        job.setdefault(flag, False)
    return TRAINING.begin(region, job, TrainingJob, "Starting")
