"""Endpoints of the tiny algorithm's models, through boto3."""

import itertools
from typing import Any

from tests.region.jobs import IMAGE, ROLE, create, ended
from tests.region.running_region import RunningRegion, awaited

NUMBERS = itertools.count()
ARCHIVES: dict[tuple[str, str], str] = {}  # of models that are trained already, by region and shrinkage


def trained(region: RunningRegion, shrinkage: str = "0") -> str:
    """The URI of a model whose predictions are 2 · (1 − shrinkage) per line."""
    key = (region.address, shrinkage)
    if key not in ARCHIVES:
        for number in (1, 2, 3):
            region.client("s3").put_object(Bucket="data", Key=f"numbers/{number}.csv", Body=f"{number}\n".encode())
        job = ended(region, create(region, hyperparameters={"shrinkage": shrinkage}))
        ARCHIVES[key] = job["ModelArtifacts"]["S3ModelArtifacts"]
    return ARCHIVES[key]


def model(region: RunningRegion, uri: str, **container: Any) -> str:
    """Create a model of an archive; return its name."""
    name = f"model-{next(NUMBERS)}"
    primary = {"Image": IMAGE, "ModelDataUrl": uri, **container}
    region.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=primary)
    return name


def config(region: RunningRegion, variants: dict[str, tuple[str, float]], **more: Any) -> str:
    """Create a configuration of models and weights by variant; return its name."""
    name = f"config-{next(NUMBERS)}"
    described = [
        {
            "VariantName": variant,
            "ModelName": named,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": weight,
        }
        for variant, (named, weight) in variants.items()
    ]
    region.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=described, **more)
    return name


def endpoint(region: RunningRegion, configuration: str) -> str:
    """Create an endpoint and wait until it is in service; return its name."""
    name = f"endpoint-{next(NUMBERS)}"
    region.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=configuration)
    described = settled(region, name)
    assert described["EndpointStatus"] == "InService", described
    return name


def settled(region: RunningRegion, name: str) -> Any:
    """The description of an endpoint in a final state, waited for."""
    sagemaker = region.client("sagemaker")

    def found() -> Any:
        described = sagemaker.describe_endpoint(EndpointName=name)
        return None if described["EndpointStatus"] in ("Creating", "Updating") else described

    return awaited(found, f"endpoint {name}")


def ask(region: RunningRegion, name: str, body: bytes = b"1\n", **more: Any) -> Any:
    return region.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=body, ContentType="text/csv", **more
    )


def answer(region: RunningRegion, name: str, **more: Any) -> bytes:
    return bytes(ask(region, name, **more)["Body"].read())
