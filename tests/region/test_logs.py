"""CloudWatch Logs as SDKs read a job's log, through boto3."""

import time
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.jobs import GROUP, create, ended, put_numbers
from tests.region.running_region import RunningRegion, awaited


def put(region: RunningRegion, stream: str, *events: tuple[int, str]) -> None:
    logs = region.client("logs")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="group")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName="group", logStreamName=stream)
    logs.put_log_events(
        logGroupName="group",
        logStreamName=stream,
        logEvents=[{"timestamp": at, "message": message} for at, message in events],
    )


def get(region: RunningRegion, stream: str, **more: Any) -> Any:
    return region.client("logs").get_log_events(logGroupName="group", logStreamName=stream, **more)


def messages(answer: Any) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_tokens_lead_to_the_next_page_and_the_last_one_repeats(region: RunningRegion) -> None:
    put(region, "pages", *((1000 + number // 2, str(number)) for number in range(5)))
    first = get(region, "pages", startFromHead=True, limit=3)
    assert messages(first) == ["0", "1", "2"]
    second = get(region, "pages", nextToken=first["nextForwardToken"])
    assert messages(second) == ["3", "4"]
    third = get(region, "pages", nextToken=second["nextForwardToken"])
    assert messages(third) == []
    assert third["nextForwardToken"] == second["nextForwardToken"]
    put(region, "pages", (1003, "5"))
    assert messages(get(region, "pages", nextToken=third["nextForwardToken"])) == ["5"]
    assert messages(get(region, "pages", nextToken=second["nextBackwardToken"], limit=2)) == ["1", "2"]


def test_without_a_token_the_newest_lines_are_returned(region: RunningRegion) -> None:
    put(region, "newest", *((2000 + number, str(number)) for number in range(5)))
    assert messages(get(region, "newest", limit=2)) == ["3", "4"]


def test_the_start_is_inclusive_and_the_end_exclusive(region: RunningRegion) -> None:
    put(region, "bounds", (10, "a"), (20, "b"), (20, "c"), (30, "d"))
    assert messages(get(region, "bounds", startTime=20, endTime=30, startFromHead=True)) == ["b", "c"]


def test_a_page_has_at_most_a_mebibyte(region: RunningRegion) -> None:
    put(region, "large", *((number, "x" * 200_000) for number in range(8)))
    page, seen = get(region, "large", startFromHead=True), 0
    while page["events"]:
        assert sum(len(event["message"]) + 26 for event in page["events"]) <= 2**20
        seen += len(page["events"])
        page = get(region, "large", nextToken=page["nextForwardToken"])
    assert seen == 8


def test_lines_are_found_by_a_pattern(region: RunningRegion) -> None:
    put(region, "words-a", (1, "epoch 1 loss 2.5"), (3, "epoch 2 loss 2.0"))
    put(region, "words-b", (2, "epoch 1 skipped"))

    def found(pattern: str, **more: Any) -> list[str]:
        pages = region.client("logs").get_paginator("filter_log_events")
        asked = {"logGroupName": "group", "logStreamNamePrefix": "words-", "filterPattern": pattern}
        return [line for page in pages.paginate(**asked, **more) for line in messages(page)]

    assert found("") == ["epoch 1 loss 2.5", "epoch 1 skipped", "epoch 2 loss 2.0"]
    assert found('"epoch 1"') == ["epoch 1 loss 2.5", "epoch 1 skipped"]
    assert found("epoch -skipped", PaginationConfig={"PageSize": 1}) == ["epoch 1 loss 2.5", "epoch 2 loss 2.0"]
    assert found("?skipped ?2.0") == ["epoch 1 skipped", "epoch 2 loss 2.0"]


def test_streams_are_listed_by_prefix(region: RunningRegion) -> None:
    put(region, "listed/2", (5, "x"))
    put(region, "listed/1", (6, "x"), (7, "y"))
    found = region.client("logs").describe_log_streams(logGroupName="group", logStreamNamePrefix="listed/")
    assert [(each["logStreamName"], each["lastEventTimestamp"]) for each in found["logStreams"]] == [
        ("listed/1", 7),
        ("listed/2", 5),
    ]


def test_missing_resources_are_refused(region: RunningRegion) -> None:
    logs = region.client("logs")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="unknown")
    for group, stream in (("unknown", "a"), ("group", "unknown")):
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            logs.get_log_events(logGroupName=group, logStreamName=stream)
    put(region, "token", (1, "x"))
    with pytest.raises(ClientError, match="The specified nextToken is invalid"):
        get(region, "token", nextToken="x")


def test_a_group_exists_before_its_first_stream_and_after_its_last(region: RunningRegion) -> None:
    logs = region.client("logs")
    stream = {"logGroupName": "mine/1", "logStreamName": "one"}
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="The specified log group does not exist"):
        logs.create_log_stream(**stream)
    for number in (2, 1):
        logs.create_log_group(logGroupName=f"mine/{number}")
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException, match="The specified log group already exists"):
        logs.create_log_group(logGroupName="mine/1")
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="The specified log stream does not exist"):
        logs.put_log_events(**stream, logEvents=[{"timestamp": 1, "message": "x"}])
    logs.create_log_stream(**stream)
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException, match="The specified log stream already exists"):
        logs.create_log_stream(**stream)
    logs.delete_log_stream(**stream)
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="mine/", PaginationConfig={"PageSize": 1}
    )
    assert [[each["logGroupName"] for each in page["logGroups"]] for page in pages] == [["mine/1"], ["mine/2"]]
    logs.delete_log_group(logGroupName="mine/1")
    assert [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix="mine/")["logGroups"]] == [
        "mine/2"
    ]


def test_log_lines_appear_while_the_job_runs(region: RunningRegion) -> None:
    put_numbers(region)
    name = create(region, hyperparameters={"mood": "finishing"})
    logs = region.client("logs")

    def logged() -> bool:
        try:
            page = logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix=f"{name}/", filterPattern="Mood")
        except logs.exceptions.ResourceNotFoundException:
            return False
        return bool(page["events"])

    awaited(logged, "the job's line")
    sagemaker = region.client("sagemaker")
    assert sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training"
    sagemaker.stop_training_job(TrainingJobName=name)
    ended(region, name)
    times = [event["timestamp"] for event in logs.filter_log_events(logGroupName=GROUP)["events"]]
    assert times == sorted(times)
    assert times[-1] <= time.time() * 1000
