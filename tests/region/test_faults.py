"""Regions that are killed at random moments, and many requests at once."""

import contextlib
import itertools
import random
import signal
import string
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.region.endpoints import config, model, trained
from tests.region.functions import function
from tests.region.jobs import IMAGE, ROLE, channel, create, ended, put_numbers
from tests.region.running_region import RunningRegion, awaited, processes_with

MOMENTS = 20


class Script:
    """A client that creates resources, and records those that were acknowledged."""

    def __init__(self, region: RunningRegion, numbers: Iterator[int]) -> None:
        self._region = region
        self._numbers = numbers
        self.objects: dict[str, bytes] = {}
        self.named: dict[str, list[str]] = {"job": [], "model": [], "config": [], "endpoint": [], "function": []}

    def run(self) -> None:
        """Continue until the region has ended."""
        with contextlib.suppress(BotoCoreError, ClientError, OSError):
            while True:
                self._once(next(self._numbers))

    def _once(self, number: int) -> None:
        region, s3 = self._region, self._region.client("s3")
        key, body = f"written/{number}", random.Random(number).randbytes(70_000)
        s3.put_object(Bucket="data", Key=key, Body=body)
        self.objects[key] = body
        self.named["job"].append(create(region, name=f"job-{number}-of-many"))
        name = model(region, self._archive())
        self.named["model"].append(name)
        configuration = config(region, {"one": (name, 1.0)})
        self.named["config"].append(configuration)
        endpoint = f"endpoint-{number}-of-many"
        region.client("sagemaker").create_endpoint(EndpointName=endpoint, EndpointConfigName=configuration)
        if number % 2:  # a deletion may have happened without being acknowledged
            region.client("sagemaker").delete_endpoint(EndpointName=endpoint)
        else:
            self.named["endpoint"].append(endpoint)
        self.named["function"].append(function(region, "def lambda_handler(e, c):\n    return 1\n"))

    def _archive(self) -> str:
        self._region.client("s3").put_object(Bucket="data", Key="some.tar.gz", Body=b"never unpacked")
        return "s3://data/some.tar.gz"


def test_nothing_acknowledged_is_lost_when_a_region_is_killed(tmp_path: Path) -> None:
    home, numbers, chance = tmp_path / "home", itertools.count(), random.Random(1)
    objects: dict[str, bytes] = {}
    named: dict[str, list[str]] = {}
    for _ in range(MOMENTS):
        with RunningRegion(home, "--bucket", "data") as region:
            put_numbers(region)
            assert_there(region, objects, named)
            script = Script(region, numbers)
            client = threading.Thread(target=script.run)
            client.start()
            client.join(chance.uniform(0.05, 1.5))
            region.stop(signal.SIGKILL)
            client.join()
            objects |= script.objects
            for kind, names in script.named.items():
                named.setdefault(kind, []).extend(names)
        awaited(lambda: not processes_with(str(home)), "the end of all processes")
    assert sum(map(len, named.values())) > MOMENTS
    with RunningRegion(home, "--bucket", "data") as region:
        assert_there(region, objects, named)
        assert ended(region, create(region, name="the-last"))["TrainingJobStatus"] == "Completed"


def assert_there(region: RunningRegion, objects: dict[str, bytes], named: dict[str, list[str]]) -> None:
    """All that was acknowledged exists, and no job is marked as running."""
    s3, sagemaker = region.client("s3"), region.client("sagemaker")
    for key, body in objects.items():
        assert s3.get_object(Bucket="data", Key=key)["Body"].read() == body
    jobs: Any = sagemaker.get_paginator("list_training_jobs").paginate()
    statuses = {
        job["TrainingJobName"]: job["TrainingJobStatus"] for page in jobs for job in page["TrainingJobSummaries"]
    }
    assert set(named.get("job", [])) <= statuses.keys()
    assert set(statuses.values()) <= {"Completed", "Failed", "Stopped"}
    for name in named.get("model", []):
        sagemaker.describe_model(ModelName=name)
    for name in named.get("config", []):
        sagemaker.describe_endpoint_config(EndpointConfigName=name)
    for name in named.get("endpoint", []):
        sagemaker.describe_endpoint(EndpointName=name)
    for name in named.get("function", []):
        region.client("lambda").get_function(FunctionName=name)


def test_fifty_uploads_at_once_arrive(region: RunningRegion) -> None:
    s3 = region.client("s3", max_pool_connections=50)
    bodies = {f"many/{number}": random.Random(number).randbytes(300_000) for number in range(50)}
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda item: s3.put_object(Bucket="data", Key=item[0], Body=item[1]), bodies.items()))
    for key, body in bodies.items():
        assert s3.get_object(Bucket="data", Key=key)["Body"].read() == body


def test_twenty_jobs_are_queued_and_can_be_stopped(region: RunningRegion) -> None:
    put_numbers(region)
    sagemaker = region.client("sagemaker")
    names = [create(region, hyperparameters={"mood": "finishing"}) for _ in range(20)]
    statuses = [sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] for name in names]
    assert statuses.count("Starting") >= 15
    for name in reversed(names):
        sagemaker.stop_training_job(TrainingJobName=name)
    assert {ended(region, name)["TrainingJobStatus"] for name in names} == {"Stopped"}


@pytest.mark.parametrize("name", ["a", "A-1", "9" * 63, "a--b"])
def test_valid_names_are_accepted(region: RunningRegion, name: str) -> None:
    put_numbers(region)
    assert ended(region, create(region, name=name))["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("name", ["-a", "a-", "a_b", "a.b", "a/b", "../a", "a b", "é", "a" * 64, "a\n"])
def test_invalid_names_are_refused(region: RunningRegion, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        create(region, name=name)
    assert "at 'trainingJobName' failed to satisfy constraint" in refused.value.response["Error"]["Message"]


def test_each_character_in_a_name_is_accepted_or_refused(region: RunningRegion) -> None:
    variant = {"VariantName": "a", "ModelName": "unknown", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    accepted: set[str] = set()
    refused: set[str] = set()
    for character in [*map(chr, range(1, 256)), "\u0131", "\u0661", "\u4e00"]:
        with pytest.raises(ClientError) as error:
            region.client("sagemaker").create_endpoint_config(
                EndpointConfigName=f"a{character}b", ProductionVariants=[variant]
            )
        message = error.value.response["Error"]["Message"]
        assert "Could not find model" in message or "at 'endpointConfigName' failed to satisfy constraint" in message
        (accepted if "Could not find model" in message else refused).add(character)
    assert accepted == set(string.ascii_letters + string.digits + "-")
    assert len(refused) == 258 - len(accepted)


def test_a_channel_may_have_unusual_keys(region: RunningRegion) -> None:
    keys = ["a b.csv", "ü/é.csv", "deep/er/and/deeper.csv", "-dash", "quote'\".csv", "a&b=c?d#e.csv"]
    for number, key in enumerate(keys):
        region.client("s3").put_object(Bucket="data", Key=f"odd/{key}", Body=f"{number}\n".encode())
    job = ended(region, create(region, channel("s3://data/odd/")))
    assert job["TrainingJobStatus"] == "Completed", job


def test_an_endpoint_needs_its_model_to_start(region: RunningRegion) -> None:
    name = model(region, trained(region))
    configuration = config(region, {"one": (name, 1.0)})
    region.client("sagemaker").delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find model"):
        region.client("sagemaker").create_endpoint(EndpointName="gone", EndpointConfigName=configuration)
    with pytest.raises(ClientError, match="Could not find model data"):
        region.client("sagemaker").create_model(
            ModelName="none", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://data/none"}
        )
