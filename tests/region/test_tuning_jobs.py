"""Tuning jobs of the tiny algorithm, through boto3."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from forecastle.region.sagemaker.tuning.early_stopping import falls_behind
from forecastle.region.sagemaker.tuning.ranges import ranges
from forecastle.region.sagemaker.tuning.search import Resources, Search, search
from tests.region.jobs import IMAGE, ROLE, channel, put_numbers
from tests.region.running_region import RunningRegion, awaited

NUMBERS = itertools.count()
SHRINKAGE = {"Name": "shrinkage", "MinValue": "0", "MaxValue": "1"}


def create(region: RunningRegion, given: Any, strategy: str = "Random", most: int = 3, **more: Any) -> str:
    """Create a tuning job whose objective is the hyperparameter shrinkage; return its name."""
    put_numbers(region, count=3)
    name = f"tune-{next(NUMBERS)}"
    regex = r"Final configuration: .*'shrinkage': '([^']+)'"
    definition = {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "shrunk", "Regex": regex}],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [channel("s3://data/numbers/")],
        "OutputDataConfig": {"S3OutputPath": "s3://data/tuned"},
        more.pop("resources", "ResourceConfig"): {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "StaticHyperParameters": more.pop("static", {}),
        "Environment": more.pop("environ", {}),
    }
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "shrunk"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": given,
        **more,
    }
    region.client("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, HyperParameterTuningJobConfig=config, TrainingJobDefinition=definition
    )
    return name


def ended(region: RunningRegion, name: str) -> Any:
    sagemaker = region.client("sagemaker")

    def found() -> Any:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job if job["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return awaited(found, f"the end of {name}")


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_the_best_of_the_training_jobs_is_found(region: RunningRegion, strategy: str) -> None:
    name = create(region, {"ContinuousParameterRanges": [SHRINKAGE]}, strategy, RandomSeed=1)
    job = ended(region, name)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    assert job["TrainingJobDefinition"]["StaticHyperParameters"] == {"_tuning_objective_metric": "shrunk"}
    found = region.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending"
    )["TrainingJobSummaries"]
    values = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in found]
    assert values == sorted(values)
    assert len(set(values)) == 3
    best = job["BestTrainingJob"]
    assert best["TrainingJobName"] == found[0]["TrainingJobName"]
    assert float(best["TunedHyperParameters"]["shrinkage"]) == values[0]
    described = region.client("sagemaker").describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert described["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert described["HyperParameters"] == best["TunedHyperParameters"]


def test_a_job_that_has_no_value_yet_continues(region: RunningRegion) -> None:
    """With early stopping, another job begins after one with values has completed."""
    given = {"ContinuousParameterRanges": [SHRINKAGE]}
    job = ended(region, create(region, given, "Bayesian", TrainingJobEarlyStoppingType="Auto"))
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"]["Completed"] == 3


def test_hyperband_runs_and_is_described(region: RunningRegion) -> None:
    strategy = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
    job = ended(
        region, create(region, {"ContinuousParameterRanges": [SHRINKAGE]}, "Hyperband", StrategyConfig=strategy)
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["HyperParameterTuningJobConfig"]["StrategyConfig"] == strategy
    assert sum(job["TrainingJobStatusCounters"].values()) == 3
    assert job["BestTrainingJob"]


def epochs_spent(trials: Search, count: int) -> list[tuple[float, int]]:
    """The floors of trials' curves, |x − 0.3|, and for how many epochs Hyperband let them run."""
    spent = []
    for _ in range(count):
        asked = trials.ask()
        assert asked is not None
        number, point = asked
        floor = abs(float(point["x"]) - 0.3)
        values: list[float] = []
        while not trials.stops(number, values):
            values.append(floor + 1 / (len(values) + 1))
        spent.append((floor, len(values)))
        trials.tell(number, values[-1])
    return spent


def test_hyperband_gives_more_epochs_to_better_trials() -> None:
    found = ranges({"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]})
    by_seed = [epochs_spent(search("Hyperband", found, False, seed, Resources(1, 27)), 60) for seed in range(5)]
    assert by_seed[1] == epochs_spent(search("Hyperband", found, False, 1, Resources(1, 27)), 60)
    spent = [each for its in by_seed for each in its]
    assert max(epochs for _, epochs in spent) == 27
    assert sum(epochs for _, epochs in spent) < 0.7 * 27 * len(spent)
    stopped = [floor for floor, epochs in spent if epochs < 27]
    finished = [floor for floor, epochs in spent if epochs == 27]
    assert sum(finished) / len(finished) < sum(stopped) / len(stopped)


def test_a_grid_is_searched_completely(region: RunningRegion) -> None:
    given = {"CategoricalParameterRanges": [{"Name": "shrinkage", "Values": ["0.5", "0.25"]}]}
    job = ended(region, create(region, given, "Grid", most=2, resources="HyperParameterTuningResourceConfig"))
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"shrinkage": "0.25"}


def test_training_jobs_that_fail_are_counted(region: RunningRegion) -> None:
    given = {"CategoricalParameterRanges": [{"Name": "shrinkage", "Values": ["7", "0.25"]}]}
    job = ended(region, create(region, given, "Grid", most=2))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    given = {"CategoricalParameterRanges": [{"Name": "shrinkage", "Values": ["7"]}]}
    job = ended(region, create(region, given, "Grid", most=1))
    assert job["FailureReason"].startswith("No training job succeeded.")


def test_a_target_value_ends_the_job(region: RunningRegion) -> None:
    criteria = {"TargetObjectiveMetricValue": 1.0}
    given = {"ContinuousParameterRanges": [SHRINKAGE]}
    job = ended(region, create(region, given, most=50, TuningJobCompletionCriteria=criteria))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert 1 <= sum(job["TrainingJobStatusCounters"].values()) <= 4


def test_a_job_can_be_stopped(region: RunningRegion) -> None:
    sagemaker = region.client("sagemaker")
    name = create(region, {"ContinuousParameterRanges": [SHRINKAGE]}, static={"mood": "finishing"})
    awaited(lambda: _running(region, name), "a training job")
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = ended(region, name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0
    summaries = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert [each["HyperParameterTuningJobStatus"] for each in summaries] == ["Stopped"]


def _running(region: RunningRegion, name: str) -> bool:
    job = region.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return bool(job["TrainingJobStatusCounters"]["InProgress"])


@pytest.mark.parametrize(
    ("given", "strategy", "more", "sentence"),
    [
        ({"ContinuousParameterRanges": [SHRINKAGE]}, "Hyperband", {}, "Hyperband needs a MaxResource, or a static"),
        (
            {"ContinuousParameterRanges": [SHRINKAGE]},
            "Hyperband",
            {"static": {"epochs": "9"}, "TrainingJobEarlyStoppingType": "Auto"},
            "TrainingJobEarlyStoppingType must be Off",
        ),
        ({"ContinuousParameterRanges": [SHRINKAGE]}, "Grid", {}, "Strategy Grid needs categorical ranges"),
        ({}, "Random", {}, "A tuning job needs a HyperParameterTuningJobObjective and ParameterRanges"),
        (
            {"ContinuousParameterRanges": [SHRINKAGE]},
            "Random",
            {"static": {"shrinkage": "0"}},
            "Hyperparameters cannot be both static and tuned: shrinkage",
        ),
        (
            {"IntegerParameterRanges": [{"Name": "n", "MinValue": "3", "MaxValue": "2"}]},
            "Random",
            {},
            "Range n: MinValue 3 must not be above MaxValue 2",
        ),
    ],
)
def test_an_invalid_tuning_job_is_refused(
    region: RunningRegion, given: Any, strategy: str, more: Any, sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence):
        create(region, given, strategy, **more)


@pytest.mark.parametrize(
    ("scaling", "middle"), [("Linear", "0.4500005"), ("Logarithmic", "0.0009486"), ("ReverseLogarithmic", "0.6837724")]
)
def test_scales_have_their_own_middle(scaling: str, middle: str) -> None:
    given = {"Name": "rate", "MinValue": "1e-6", "MaxValue": "0.9", "ScalingType": scaling}
    (found,) = ranges({"ContinuousParameterRanges": [given]})
    assert float(found.at(0.5)) == pytest.approx(float(middle), rel=1e-3)
    assert (float(found.at(0)), float(found.at(1))) == pytest.approx((1e-6, 0.9))


def test_bayesian_search_finds_better_values_than_random_search() -> None:
    found = ranges({"ContinuousParameterRanges": [{"Name": n, "MinValue": "-5", "MaxValue": "5"} for n in "xy"]})

    def later(strategy: str, seed: int) -> float:
        """The mean of the second half of the trials."""
        trials, values = search(strategy, found, False, seed), []
        for _ in range(40):
            asked = trials.ask()
            assert asked is not None
            number, point = asked
            values.append((float(point["x"]) - 2) ** 2 + (float(point["y"]) + 3) ** 2)
            trials.tell(number, values[-1])
        return sum(values[20:]) / 20

    assert all(later("Bayesian", seed) < 0.5 * later("Random", seed) for seed in range(5))


def test_a_job_worse_than_the_median_stops_early() -> None:
    completed = [[4.0, 3.0], [4.0, 2.0], [6.0, 4.0]]
    assert falls_behind([5.0, 4.5], completed, maximize=False)
    assert not falls_behind([5.0, 3.0], completed, maximize=False)
    assert not falls_behind([5.0, 4.5], completed[:2], maximize=False)
    assert not falls_behind([9.0, 9.0, 9.0], completed, maximize=False)
    assert not falls_behind([], completed, maximize=False)
    assert falls_behind([1.0, 2.0], completed, maximize=True)
