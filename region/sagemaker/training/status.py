"""A training job's statuses, with the messages that SDKs print."""

import time

from forecastle.region.sagemaker.jobs import ENDED, JobKind
from forecastle.region.sagemaker.resource import Record

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
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


class TrainingKind(JobKind):
    """Training jobs have secondary statuses, from which their status follows."""

    __slots__ = ()

    def changes(self, job: Record, status: str) -> Record | None:
        """The members that a new secondary status changes; None for the present one, and if it does not apply."""
        if job["SecondaryStatus"] == status:
            return None
        if job[self.status] == "Stopping" and status not in (*ENDED, "MaxRuntimeExceeded"):
            return None
        now = time.time()
        transitions = [dict(each) for each in job.get("SecondaryStatusTransitions", [])]
        if transitions and "EndTime" not in transitions[-1]:
            transitions[-1]["EndTime"] = now
        last = {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]}
        primary = "Stopped" if status == "MaxRuntimeExceeded" else status
        changes: Record = {"SecondaryStatus": status, "LastModifiedTime": now}
        if primary in ENDED:
            last["EndTime"] = now
            started = job.get("TrainingStartTime")
            seconds = 0 if started is None else max(1, round(now - started))
            changes |= {self.ended_at: now, "TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        elif status == "Downloading":
            changes["TrainingStartTime"] = now
        if primary in (*ENDED, "Stopping"):
            changes[self.status] = primary
        return changes | {"SecondaryStatusTransitions": [*transitions, last]}


TRAINING = TrainingKind(
    kind="TrainingJob",
    path="training-job",
    listed="TrainingJobSummaries",
    label="training job",
    ended_at="TrainingEndTime",
    missing="Requested resource not found.",
    existing="Training job names must be unique within an AWS account and region, and a training job with this name "
    "already exists ({arn})",
    existing_code="ResourceInUse",
)
