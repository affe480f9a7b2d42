"""CreateHyperParameterTuningJob, Describe, List, Stop, ListTrainingJobsForHyperParameterTuningJob."""

import threading
import time
from typing import Any

from forecastle.region.account import arn
from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.listing import Kind, list_of, page_of
from forecastle.region.sagemaker.training.status import ENDED as TRAINED
from forecastle.region.sagemaker.tuning.job import ENDED, KIND, OBJECTIVE, Job, children, end
from forecastle.region.sagemaker.tuning.ranges import combinations, ranges
from forecastle.region.wire.refusal import Refusal, invalid

Request = dict[str, Any]

STRATEGIES = ("Bayesian", "Random", "Grid")
LISTED = Kind(
    KIND,
    "HyperParameterTuningJobSummaries",
    (
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "HyperParameterTuningJobStatus",
        "Strategy",
        "CreationTime",
        "HyperParameterTuningEndTime",
        "LastModifiedTime",
        "TrainingJobStatusCounters",
        "ObjectiveStatusCounters",
        "ResourceLimits",
    ),
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobStatus",
)


def create(region: LocalRegion, request: Request) -> Request:
    name, now = request["HyperParameterTuningJobName"], time.time()
    config = request["HyperParameterTuningJobConfig"]
    definition = _definition(request)
    goal = config.get("HyperParameterTuningJobObjective") or definition.get("TuningObjective")
    given = config.get("ParameterRanges") or definition.get("HyperParameterRanges")
    if goal is None or given is None:
        raise invalid("A tuning job needs a HyperParameterTuningJobObjective and ParameterRanges.")
    _check(config, given, definition, region)
    fixed = definition.get("StaticHyperParameters", {}) | {OBJECTIVE: goal["MetricName"]}
    job = {
        **{key: value for key, value in request.items() if key not in ("Tags", "TrainingJobDefinitions")},
        "HyperParameterTuningJobArn": arn("sagemaker", f"hyper-parameter-tuning-job/{name}"),
        "HyperParameterTuningJobConfig": config | {"HyperParameterTuningJobObjective": goal, "ParameterRanges": given},
        "TrainingJobDefinition": definition | {"StaticHyperParameters": fixed},
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise Refusal("ResourceInUse", f"A tuning job with the name {name} already exists.")
        tags.keep(region, job["HyperParameterTuningJobArn"], request.get("Tags", []))
        region.state.put(KIND, name, job)
    region.say(f"tuning job {name}: InProgress")
    tuning = Job(region, name)
    region.tunings[name] = tuning
    threading.Thread(target=tuning.run, name=f"tuning {name}", daemon=True).start()
    return {"HyperParameterTuningJobArn": job["HyperParameterTuningJobArn"]}


def describe(region: LocalRegion, request: Request) -> Request:
    return _counted(region, _job(region, request))


def list_(region: LocalRegion, request: Request) -> Request:
    answer = list_of(region, request, LISTED)
    for each in answer[LISTED.answer]:
        each |= _counters(region, each["HyperParameterTuningJobName"])
    return answer


def list_training_jobs(region: LocalRegion, request: Request) -> Request:
    job = _job(region, request)
    found = [_summary(each, job) for each in children(region, job["HyperParameterTuningJobName"])]
    if "StatusEquals" in request:
        found = [each for each in found if each["TrainingJobStatus"] == request["StatusEquals"]]
    by = request.get("SortBy", "Name")
    if by == "FinalObjectiveMetricValue":
        found = [each for each in found if each["FinalHyperParameterTuningJobObjectiveMetric"] is not None]
        found.sort(key=lambda each: each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
    else:
        member = {"Status": "TrainingJobStatus", "CreationTime": "CreationTime"}.get(by, "TrainingJobName")
        found.sort(key=lambda each: each[member])
    if request.get("SortOrder", "Ascending") == "Descending":
        found.reverse()
    return page_of(found, request, "TrainingJobSummaries")


def stop(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        job = _job(region, request)
        if job["HyperParameterTuningJobStatus"] in ENDED:
            status = job["HyperParameterTuningJobStatus"]
            raise invalid(f"The request was rejected because the tuning job is in status {status}.")
        region.state.change(KIND, job["HyperParameterTuningJobName"], HyperParameterTuningJobStatus="Stopping")
    region.tunings[job["HyperParameterTuningJobName"]].stop()
    return {}


def fail_the_unfinished(region: LocalRegion) -> None:
    """Jobs that ran when the region ended have failed."""
    for job in region.state.all(KIND):
        if job["HyperParameterTuningJobStatus"] not in ENDED:
            why = "InternalServerError: The region was stopped while the job ran. Start the job again."
            end(region, job["HyperParameterTuningJobName"], "Failed", why)


def _definition(request: Request) -> Request:
    several = request.get("TrainingJobDefinitions", [])
    if len(several) > 1:
        raise invalid("This region tunes one algorithm at a time: give one TrainingJobDefinition.")
    definition = request.get("TrainingJobDefinition") or (several[0] if several else None)
    if definition is None:
        raise invalid("A tuning job needs a TrainingJobDefinition.")
    return dict(definition)


def _check(config: Request, given: Request, definition: Request, region: LocalRegion) -> None:
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    if strategy not in STRATEGIES:
        raise invalid(f"Strategy {strategy} is not among those of this region: {', '.join(STRATEGIES)}.")
    image = definition["AlgorithmSpecification"].get("TrainingImage")
    if not image:
        raise invalid(
            "AlgorithmSpecification must have a TrainingImage: this region has no algorithms of a marketplace."
        )
    launcher(image, region)
    try:
        found = ranges(given)
        if strategy == "Grid":
            count, most = combinations(found), limits.get("MaxNumberOfTrainingJobs")
            if most is not None and most != count:
                raise ValueError(f"MaxNumberOfTrainingJobs is {most}, and the grid has {count} combinations.")
        elif "MaxNumberOfTrainingJobs" not in limits:
            raise ValueError("ResourceLimits must have MaxNumberOfTrainingJobs.")
    except ValueError as error:
        raise invalid(str(error)) from None
    both = sorted({each.name for each in found} & definition.get("StaticHyperParameters", {}).keys())
    if both:
        raise invalid(f"Hyperparameters cannot be both static and tuned: {', '.join(both)}.")


def _job(region: LocalRegion, request: Request) -> Request:
    job = region.state.get(KIND, request["HyperParameterTuningJobName"])
    if job is None:
        raise Refusal("ResourceNotFound", "Requested resource not found.")
    return job


def _counted(region: LocalRegion, job: Request) -> Request:
    """A job with its counters and the best of its training jobs."""
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    found = [each for each in children(region, job["HyperParameterTuningJobName"]) if each.get("Objective") is not None]
    best = sorted(found, key=lambda each: each["Objective"], reverse=goal["Type"] == "Maximize")[:1]
    described = job | _counters(region, job["HyperParameterTuningJobName"])
    return described | ({"BestTrainingJob": _summary(best[0], job)} if best else {})


def _counters(region: LocalRegion, name: str) -> Request:
    statuses = [(each["TrainingJobStatus"], each.get("Objective")) for each in children(region, name)]
    ended = [objective for status, objective in statuses if status in TRAINED]
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


def _summary(child: Request, job: Request) -> Request:
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    value, ended = child.get("Objective"), child["TrainingJobStatus"] in TRAINED
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
