"""The training jobs of a tuning job: their number by status, and the best one."""

from collections.abc import Sequence

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.jobs import ENDED
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.training.status import TRAINING


def children(region: LocalRegion, name: str) -> list[Record]:
    """The training jobs of a tuning job, the oldest first."""
    return [job for job in region.state.all(TRAINING.kind) if job.get("Tuning") == name]


def counted(region: LocalRegion, job: Record) -> Record:
    """A job with its counters and the best of its training jobs."""
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    found = children(region, job["HyperParameterTuningJobName"])
    rated = [each for each in found if each.get("Objective") is not None]
    best = sorted(rated, key=lambda each: each["Objective"], reverse=goal["Type"] == "Maximize")[:1]
    described = job | _counts(found)
    return described | ({"BestTrainingJob": summary(best[0], job)} if best else {})


def _counts(found: Sequence[Record]) -> Record:
    statuses = [(each["TrainingJobStatus"], each.get("Objective")) for each in found]
    ended = [objective for status, objective in statuses if status in ENDED]
    count = [status for status, _ in statuses].count
    return {
        "TrainingJobStatusCounters": {
            "Completed": count("Completed"),
            "InProgress": count("InProgress") + count("Stopping"),
            "RetryableError": 0,
            "NonRetryableError": count("Failed"),
            "Stopped": count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            "Succeeded": sum(each is not None for each in ended),
            "Pending": len(statuses) - len(ended),
            "Failed": sum(each is None for each in ended),
        },
    }


def summary(child: Record, job: Record) -> Record:
    """A training job, as its tuning job lists it."""
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    value, ended = child.get("Objective"), child["TrainingJobStatus"] in ENDED
    return {
        **{
            name: child.get(name)
            for name in ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime")
        },
        "TrainingJobStatus": child["TrainingJobStatus"],
        "TunedHyperParameters": child["Tuned"],
        "FailureReason": child.get("FailureReason"),
        "FinalHyperParameterTuningJobObjectiveMetric": None if value is None else goal | {"Value": value},
        "ObjectiveStatus": "Succeeded" if value is not None else "Failed" if ended else "Pending",
    }
