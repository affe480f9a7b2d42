"""Endpoint configurations: which models, with what weights."""

import time
from typing import Any

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.listing import Kind, list_of
from forecastle.region.sagemaker.models import model_of
from forecastle.region.wire.refusal import invalid

Request = dict[str, Any]

KIND = "EndpointConfig"
LISTED = Kind(
    KIND, "EndpointConfigs", ("EndpointConfigName", "EndpointConfigArn", "CreationTime"), "EndpointConfigName"
)


def create(region: LocalRegion, request: Request) -> Request:
    name = request["EndpointConfigName"]
    config = request | {"EndpointConfigArn": _arn(name), "CreationTime": time.time()}
    variants = [each["VariantName"] for each in config["ProductionVariants"]]
    if len(set(variants)) < len(variants):
        raise invalid("The names of ProductionVariants must differ from each other.")
    for variant in config["ProductionVariants"]:
        if not variant.get("ModelName"):
            raise invalid(
                f"Production variant {variant['VariantName']} needs a ModelName: there are no inference components."
            )
        model_of(region, variant["ModelName"])
        variant.setdefault("InitialVariantWeight", 1.0)
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise invalid(f'Cannot create already existing endpoint configuration "{_arn(name)}".')
        tags.keep(region, _arn(name), config.pop("Tags", []))
        region.state.put(KIND, name, config)
    return {"EndpointConfigArn": _arn(name)}


def describe(region: LocalRegion, request: Request) -> Request:
    return config_of(region, request["EndpointConfigName"])


def list_(region: LocalRegion, request: Request) -> Request:
    return list_of(region, request, LISTED)


def delete(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        config_of(region, request["EndpointConfigName"])
        region.state.delete(KIND, request["EndpointConfigName"])
        region.state.delete(tags.KIND, _arn(request["EndpointConfigName"]))
    return {}


def config_of(region: LocalRegion, name: str) -> Request:
    """The record of a configuration, or the refusal of one that is not there."""
    config = region.state.get(KIND, name)
    if config is None:
        raise invalid(f'Could not find endpoint configuration "{_arn(name)}".')
    return config


def _arn(name: str) -> str:
    return arn("sagemaker", f"endpoint-config/{name}")
