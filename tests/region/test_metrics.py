"""CloudWatch metrics, put and read through boto3, and those of a job."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.jobs import create, ended, put_numbers
from tests.region.running_region import RunningRegion

START = 1_700_000_040  # a whole minute
DIMENSIONS = [{"Name": "Of", "Value": "this"}]


@pytest.fixture(scope="module")
def put(region: RunningRegion) -> str:
    points = ((0, 1.0), (59, 3.0), (60, 10.0))
    region.client("cloudwatch").put_metric_data(
        Namespace="tests",
        MetricData=[
            {"MetricName": "loss", "Dimensions": DIMENSIONS, "Timestamp": START + at, "Value": value, "Unit": "Count"}
            for at, value in points
        ],
    )
    return "tests"


def test_statistics_are_by_period(region: RunningRegion, put: str) -> None:
    answer = region.client("cloudwatch").get_metric_statistics(
        Namespace=put,
        MetricName="loss",
        Dimensions=DIMENSIONS,
        StartTime=START,
        EndTime=START + 120,
        Period=60,
        Statistics=["Average", "SampleCount", "Minimum", "Maximum", "Sum"],
    )
    found = [
        (int(each["Timestamp"].timestamp()) - START, each["Average"], each["SampleCount"], each["Sum"], each["Unit"])
        for each in answer["Datapoints"]
    ]
    assert found == [(0, 2.0, 2.0, 4.0, "Count"), (60, 10.0, 1.0, 10.0, "Count")]


def test_data_are_sorted_as_requested(region: RunningRegion, put: str) -> None:
    metric = {"Namespace": put, "MetricName": "loss", "Dimensions": DIMENSIONS}
    queries = [
        {"Id": stat.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
        for stat in ("Maximum", "p50")
    ]
    cloudwatch = region.client("cloudwatch")
    for order, maxima, medians in (
        ("TimestampAscending", [3.0, 10.0], [2.0, 10.0]),
        ("TimestampDescending", [10.0, 3.0], [10.0, 2.0]),
    ):
        results = cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=START, EndTime=START + 120, ScanBy=order
        )["MetricDataResults"]
        assert [each["Values"] for each in results] == [maxima, medians]


def test_metrics_are_listed(region: RunningRegion, put: str) -> None:
    cloudwatch = region.client("cloudwatch")
    found = cloudwatch.list_metrics(Namespace=put, Dimensions=[{"Name": "Of"}])["Metrics"]
    assert found == [{"Namespace": put, "MetricName": "loss", "Dimensions": DIMENSIONS}]
    assert cloudwatch.list_metrics(Namespace=put, Dimensions=[{"Name": "Of", "Value": "that"}])["Metrics"] == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"EndTime": START}, "StartTime must be less than"),
        ({"Period": 1, "EndTime": START + 10_000}, "You have requested up to 10000 datapoints"),
        ({"Statistics": ["Median"]}, "Member must satisfy enum value set"),
    ],
)
def test_an_invalid_request_is_refused(region: RunningRegion, more: dict[str, Any], sentence: str) -> None:
    asked = {
        "Namespace": "tests",
        "MetricName": "loss",
        "StartTime": START,
        "EndTime": START + 60,
        "Period": 60,
        "Statistics": ["Sum"],
    }
    with pytest.raises(ClientError, match=sentence):
        region.client("cloudwatch").get_metric_statistics(**(asked | more))


def test_a_job_has_metrics(region: RunningRegion) -> None:
    put_numbers(region, count=3)
    definitions = [{"Name": "numbers", "Regex": r'"numbers": \{"sum": (\S+),'}]
    name = create(region, specification={"MetricDefinitions": definitions})
    ended(region, name)
    answer = region.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="numbers",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
        Period=60,
        Statistics=["Average"],
    )
    assert [each["Average"] for each in answer["Datapoints"]] == [3.0]
