"""The same thing asked for several times at once, and its end asked for while it begins."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.endpoints import answer, config, model, settled, trained
from tests.region.jobs import IMAGE, ROLE, create, ended, put_numbers
from tests.region.running_region import RunningRegion, awaited, processes_with

MANY = 8


def at_once(ask: Callable[[int], Any]) -> Counter[str]:
    """What becomes of requests that are sent together: `done`, or the code of the refusal."""
    start = threading.Barrier(MANY)

    def one(number: int) -> str:
        start.wait()
        try:
            ask(number)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    with ThreadPoolExecutor(MANY) as pool:
        return Counter(pool.map(one, range(MANY)))


def test_a_name_is_given_once_however_many_ask(region: RunningRegion) -> None:
    put_numbers(region)
    uri = trained(region)
    name = model(region, uri)
    configuration = config(region, {"one": (name, 1.0)})
    clients = [region.client("sagemaker") for _ in range(MANY)]
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    variant = {"VariantName": "a", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    asked: dict[str, Callable[[int], Any]] = {
        "ResourceInUse": lambda _: create(region, name="raced"),
        "model": lambda n: clients[n].create_model(
            ModelName="raced", ExecutionRoleArn=ROLE, PrimaryContainer=container
        ),
        "config": lambda n: clients[n].create_endpoint_config(EndpointConfigName="raced", ProductionVariants=[variant]),
        "endpoint": lambda n: clients[n].create_endpoint(EndpointName="raced", EndpointConfigName=configuration),
    }
    for kind, ask in asked.items():
        code = kind if kind == "ResourceInUse" else "ValidationException"
        assert at_once(ask) == {"done": 1, code: MANY - 1}, kind
    assert ended(region, "raced")["TrainingJobStatus"] == "Completed"
    assert settled(region, "raced")["EndpointStatus"] == "InService"
    assert at_once(lambda n: clients[n].delete_endpoint(EndpointName="raced"))["done"] == 1


def test_an_endpoint_may_be_deleted_during_an_update(region: RunningRegion) -> None:
    name = model(region, trained(region))
    first, second = (config(region, {"one": (name, 1.0)}) for _ in range(2))
    sagemaker = region.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="fleeting", EndpointConfigName=first)
    assert settled(region, "fleeting")["EndpointStatus"] == "InService"
    clients = [region.client("sagemaker") for _ in range(MANY)]
    update = at_once(lambda n: clients[n].update_endpoint(EndpointName="fleeting", EndpointConfigName=second))
    assert update == {"done": 1, "ValidationException": MANY - 1}
    sagemaker.delete_endpoint(EndpointName="fleeting")
    with pytest.raises(ClientError, match="Endpoint fleeting of account 123456789012 not found"):
        answer(region, "fleeting")
    sagemaker.create_endpoint(EndpointName="fleeting", EndpointConfigName=first)  # while the updated one comes up
    assert settled(region, "fleeting")["EndpointConfigName"] == first
    assert answer(region, "fleeting") == b'{"mean": 2.000}'
    awaited(lambda: len(_servers(region, "fleeting")) == 1, "the end of the servers that are not asked")
    sagemaker.delete_endpoint(EndpointName="fleeting")
    for _ in range(3):  # while it is made
        sagemaker.create_endpoint(EndpointName="fleeting", EndpointConfigName=first)
        sagemaker.delete_endpoint(EndpointName="fleeting")
    awaited(lambda: not _servers(region, "fleeting"), "the end of all servers")


@pytest.mark.parametrize("seen", ["Starting", "Downloading", "Training"])
def test_a_job_may_be_stopped_as_it_begins_and_more_than_once(region: RunningRegion, seen: str) -> None:
    put_numbers(region)
    sagemaker = region.client("sagemaker")
    name = create(region, hyperparameters={"mood": "finishing"})
    order = ["Starting", "Downloading", "Training"]

    def there() -> bool:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return order.index(job["SecondaryStatus"]) >= order.index(seen)

    awaited(there, seen)
    clients = [region.client("sagemaker") for _ in range(MANY)]
    assert at_once(lambda n: clients[n].stop_training_job(TrainingJobName=name))["done"] >= 1
    job = ended(region, name)
    assert job["TrainingJobStatus"] == "Stopped"
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert len(set(statuses)) == len(statuses)
    assert statuses[-2:] == ["Stopping", "Stopped"]


def _servers(region: RunningRegion, endpoint: str) -> list[str]:
    found = processes_with(f"{region.home}/endpoints/{endpoint}.")
    return [each for each in found if each.split()[-1] == "serve"]
