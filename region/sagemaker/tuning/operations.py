"""CreateHyperParameterTuningJob and ListTrainingJobsForHyperParameterTuningJob."""

from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.resource import Record, page_of
from forecastle.region.sagemaker.tuning.counters import children, summary
from forecastle.region.sagemaker.tuning.job import OBJECTIVE, TUNING, TuningJob
from forecastle.region.sagemaker.tuning.ranges import combinations, ranges
from forecastle.region.wire.refusal import invalid

STRATEGIES = ("Bayesian", "Random", "Grid")


def create(region: LocalRegion, request: Record) -> Record:
    config = request["HyperParameterTuningJobConfig"]
    definition = _definition(request)
    goal = config.get("HyperParameterTuningJobObjective") or definition.get("TuningObjective")
    given = config.get("ParameterRanges") or definition.get("HyperParameterRanges")
    if goal is None or given is None:
        raise invalid("A tuning job needs a HyperParameterTuningJobObjective and ParameterRanges.")
    _check(config, given, definition, region)
    fixed = definition.get("StaticHyperParameters", {}) | {OBJECTIVE: goal["MetricName"]}
    job = {
        **{key: value for key, value in request.items() if key != "TrainingJobDefinitions"},
        "HyperParameterTuningJobConfig": config | {"HyperParameterTuningJobObjective": goal, "ParameterRanges": given},
        "TrainingJobDefinition": definition | {"StaticHyperParameters": fixed},
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }
    return TUNING.begin(region, job, TuningJob)


def list_training_jobs(region: LocalRegion, request: Record) -> Record:
    job = TUNING.get(region, request["HyperParameterTuningJobName"])
    found = [summary(each, job) for each in children(region, job["HyperParameterTuningJobName"])]
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


def _definition(request: Record) -> Record:
    several = request.get("TrainingJobDefinitions", [])
    if len(several) > 1:
        raise invalid("This region tunes one algorithm at a time: give one TrainingJobDefinition.")
    definition = request.get("TrainingJobDefinition") or (several[0] if several else None)
    if definition is None:
        raise invalid("A tuning job needs a TrainingJobDefinition.")
    return dict(definition)


def _check(config: Record, given: Record, definition: Record, region: LocalRegion) -> None:
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    if strategy not in STRATEGIES:
        raise invalid(f"Strategy {strategy} is not supported by this region. It supports {', '.join(STRATEGIES)}.")
    image = definition["AlgorithmSpecification"].get("TrainingImage")
    if not image:
        raise invalid("AlgorithmSpecification must have a TrainingImage: this region has no marketplace algorithms.")
    launcher(image, region)
    try:
        found = ranges(given)
        if strategy == "Grid":
            count, most = combinations(found), limits.get("MaxNumberOfTrainingJobs")
            if most is not None and most != count:
                raise ValueError(f"MaxNumberOfTrainingJobs is {most}, but the grid has {count} combinations.")
        elif "MaxNumberOfTrainingJobs" not in limits:
            raise ValueError("ResourceLimits must have MaxNumberOfTrainingJobs.")
    except ValueError as error:
        raise invalid(str(error)) from None
    both = sorted({each.name for each in found} & definition.get("StaticHyperParameters", {}).keys())
    if both:
        raise invalid(f"Hyperparameters cannot be both static and tuned: {', '.join(both)}.")
