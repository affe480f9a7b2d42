"""A training job's statuses, in the words and the order that SDKs print."""

import time
from typing import Any

from forecastle.region.local_region import LocalRegion

KIND = "TrainingJob"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job stopped, as it ran for longer than MaxRuntimeInSeconds",
}


def moved(job: dict[str, Any], secondary: str) -> dict[str, Any]:
    """What changes in a job's record as it comes into another secondary status."""
    now = time.time()
    transitions = [dict(each) for each in job.get("SecondaryStatusTransitions", [])]
    if transitions and "EndTime" not in transitions[-1]:
        transitions[-1]["EndTime"] = now
    last = {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
    primary = {"MaxRuntimeExceeded": "Stopped"}.get(secondary, secondary if secondary in (*ENDED, "Stopping") else "")
    changes: dict[str, Any] = {"SecondaryStatus": secondary, "LastModifiedTime": now}
    if primary in ENDED:
        last["EndTime"] = now
        changes["TrainingEndTime"] = now
        began = job.get("TrainingStartTime")
        seconds = 0 if began is None else max(1, round(now - began))
        changes |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    elif secondary == "Downloading":
        changes["TrainingStartTime"] = now
    if primary:
        changes["TrainingJobStatus"] = primary
    return changes | {"SecondaryStatusTransitions": [*transitions, last]}


def move(region: LocalRegion, name: str, secondary: str, **more: Any) -> None:
    """Bring a job into another secondary status, unless it has it already, or has ended."""
    with region.state.exclusive():
        job = region.state.get(KIND, name)
        if job is None or job["TrainingJobStatus"] in ENDED or job["SecondaryStatus"] == secondary:
            return
        if job["TrainingJobStatus"] == "Stopping" and secondary in ("Downloading", "Training", "Uploading"):
            return
        region.state.put(KIND, name, job | moved(job, secondary) | more)
    region.say(f"training job {name}: {secondary}{f': {why}' if (why := more.get('FailureReason')) else ''}")


def fail_the_unfinished(region: LocalRegion) -> None:
    """Jobs that ran when the region ended have failed."""
    for job in region.state.all(KIND):
        if job["TrainingJobStatus"] not in ENDED:
            why = "InternalServerError: The region was stopped while the job ran. Start the job again."
            move(region, job["TrainingJobName"], "Failed", FailureReason=why)
