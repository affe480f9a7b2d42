"""Endpoint configurations: models and their weights."""

import time

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.models import MODEL
from forecastle.region.sagemaker.resource import Record, Resource
from forecastle.region.wire.refusal import invalid

CONFIG = Resource(
    kind="EndpointConfig",
    path="endpoint-config",
    listed="EndpointConfigs",
    existing='Cannot create already existing endpoint configuration "{arn}".',
    missing='Could not find endpoint configuration "{arn}".',
)


def create(region: LocalRegion, request: Record) -> Record:
    config = request | {"CreationTime": time.time()}
    variants = [each["VariantName"] for each in config["ProductionVariants"]]
    if len(set(variants)) < len(variants):
        raise invalid("The names of ProductionVariants must differ from each other.")
    for variant in config["ProductionVariants"]:
        if not variant.get("ModelName"):
            raise invalid(
                f"Variant {variant['VariantName']} needs a ModelName: this region has no inference components."
            )
        MODEL.get(region, variant["ModelName"])
        variant.setdefault("InitialVariantWeight", 1.0)
    return CONFIG.add(region, config)
