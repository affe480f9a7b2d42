"""Models: an image and the URI of an archive."""

import time

from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, split
from forecastle.region.sagemaker.resource import Record, Resource
from forecastle.region.wire.refusal import invalid

MODEL = Resource(
    kind="Model",
    path="model",
    listed="Models",
    existing='Cannot create already existing model "{arn}".',
    missing='Could not find model "{arn}".',
)


def create(region: LocalRegion, request: Record) -> Record:
    model = {"EnableNetworkIsolation": False, "CreationTime": time.time()} | request
    containers = containers_of(model)
    if not containers:
        raise invalid("A model needs a PrimaryContainer or Containers.")
    for container in containers:
        _check(region, container)
    return MODEL.add(region, model)


def containers_of(model: Record) -> list[Record]:
    """A model's containers, in the order in which they process a request."""
    return model["Containers"] if model.get("Containers") else [c for c in [model.get("PrimaryContainer")] if c]


def data_of(container: Record) -> tuple[str, bool] | None:
    """The URI of a container's model, and whether it is an archive; None if it has none."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        return source["S3Uri"], source["CompressionType"] == "Gzip"
    return (container["ModelDataUrl"], True) if container.get("ModelDataUrl") else None


def _check(region: LocalRegion, container: Record) -> None:
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
