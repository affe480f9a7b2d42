"""Models: what to serve, with which image, and where its archive is."""

import time
from typing import Any

from forecastle.region.account import arn
from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, split
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.listing import Kind, list_of
from forecastle.region.wire.refusal import invalid

Request = dict[str, Any]

KIND = "Model"
LISTED = Kind(KIND, "Models", ("ModelName", "ModelArn", "CreationTime"), "ModelName")


def create(region: LocalRegion, request: Request) -> Request:
    name = request["ModelName"]
    model = request | {"ModelArn": arn("sagemaker", f"model/{name}"), "CreationTime": time.time()}
    model.setdefault("EnableNetworkIsolation", False)
    containers = containers_of(model)
    if not containers:
        raise invalid("A model needs a PrimaryContainer or Containers.")
    for container in containers:
        _check(region, container)
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise invalid(f'Cannot create already existing model "{model["ModelArn"]}".')
        tags.keep(region, model["ModelArn"], model.pop("Tags", []))
        region.state.put(KIND, name, model)
    return {"ModelArn": model["ModelArn"]}


def describe(region: LocalRegion, request: Request) -> Request:
    return model_of(region, request["ModelName"])


def list_(region: LocalRegion, request: Request) -> Request:
    return list_of(region, request, LISTED)


def delete(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        model = model_of(region, request["ModelName"])
        region.state.delete(KIND, request["ModelName"])
        region.state.delete(tags.KIND, model["ModelArn"])
    return {}


def model_of(region: LocalRegion, name: str) -> Request:
    """The record of a model, or the refusal of one that is not there."""
    model = region.state.get(KIND, name)
    if model is None:
        raise invalid(f'Could not find model "{arn("sagemaker", f"model/{name}")}".')
    return model


def containers_of(model: Request) -> list[Request]:
    """A model's containers, in the order in which a request goes through them."""
    return model["Containers"] if model.get("Containers") else [c for c in [model.get("PrimaryContainer")] if c]


def data_of(container: Request) -> tuple[str, bool] | None:
    """The URI of a container's model, and whether it is an archive; None where it has none."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        return source["S3Uri"], source["CompressionType"] == "Gzip"
    return (container["ModelDataUrl"], True) if container.get("ModelDataUrl") else None


def _check(region: LocalRegion, container: Request) -> None:
    if not container.get("Image"):
        raise invalid("A container needs an Image: this region has no model packages.")
    launcher(container["Image"], region)
    data = data_of(container)
    if data is None:
        return
    uri, archive = data
    if not uri.startswith("s3://"):
        raise invalid(f"Could not find model data at {uri}: expected s3://bucket/key.")
    bucket, key = split(uri)
    try:
        single = archive and container.get("Mode") != "MultiModel"
        there = region.objects.has(bucket, key) if single else bool(region.objects.keys(bucket, key) or not single)
    except Missing:
        there = False
    if not there:
        raise invalid(f"Could not find model data at {uri}.")
