"""CreateTransformJob, DescribeTransformJob, ListTransformJobs and StopTransformJob."""

import time
from typing import Any

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.listing import Kind, list_of
from forecastle.region.sagemaker.models import model_of
from forecastle.region.sagemaker.transform.job import ENDED, KIND, Job, end
from forecastle.region.sagemaker.transform.processing import Processing
from forecastle.region.wire.refusal import Refusal, invalid

Request = dict[str, Any]

LISTED = Kind(
    KIND,
    "TransformJobSummaries",
    (
        "TransformJobName",
        "TransformJobArn",
        "CreationTime",
        "TransformEndTime",
        "LastModifiedTime",
        "TransformJobStatus",
        "FailureReason",
    ),
    "TransformJobName",
    "TransformJobStatus",
)


def create(region: LocalRegion, request: Request) -> Request:
    name, now = request["TransformJobName"], time.time()
    job = request | {
        "TransformJobArn": arn("sagemaker", f"transform-job/{name}"),
        "TransformJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Model": model_of(region, request["ModelName"]),
        "TransformOutput": {"KmsKeyId": "", "AssembleWith": "None"} | request["TransformOutput"],
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
    }
    try:
        Processing.of(job)
    except ValueError as error:
        raise invalid(str(error)) from None
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise Refusal("ResourceInUse", f"A transform job with the name {name} already exists.")
        tags.keep(region, job["TransformJobArn"], job.pop("Tags", []))
        region.state.put(KIND, name, job)
    region.say(f"transform job {name}: InProgress")
    region.transforms.add(Job(region, name))
    return {"TransformJobArn": job["TransformJobArn"]}


def describe(region: LocalRegion, request: Request) -> Request:
    return _job(region, request)


def list_(region: LocalRegion, request: Request) -> Request:
    return list_of(region, request, LISTED)


def stop(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        job = _job(region, request)
        if job["TransformJobStatus"] in ENDED:
            raise invalid(
                f"The request was rejected because the transform job is in status {job['TransformJobStatus']}."
            )
        region.state.change(KIND, job["TransformJobName"], TransformJobStatus="Stopping")
    if region.transforms.stop(job["TransformJobName"]):
        end(region, job["TransformJobName"], "Stopped")
    return {}


def fail_the_unfinished(region: LocalRegion) -> None:
    """Jobs that ran when the region ended have failed."""
    for job in region.state.all(KIND):
        if job["TransformJobStatus"] not in ENDED:
            why = "InternalServerError: The region was stopped while the job ran. Start the job again."
            end(region, job["TransformJobName"], "Failed", why)


def _job(region: LocalRegion, request: Request) -> Request:
    job = region.state.get(KIND, request["TransformJobName"])
    if job is None:
        raise invalid(f"Could not find requested job with name: {request['TransformJobName']}")
    return job
