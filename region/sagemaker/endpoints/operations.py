"""Operations on endpoints: create, describe, list, update, delete."""

import time
import uuid
from typing import Any

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.sagemaker.endpoints.configs import config_of
from forecastle.region.sagemaker.endpoints.hosting import KIND, WAITING
from forecastle.region.sagemaker.listing import Kind, list_of
from forecastle.region.sagemaker.models import model_of
from forecastle.region.wire.refusal import invalid

Request = dict[str, Any]

LISTED = Kind(
    KIND,
    "Endpoints",
    ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    "EndpointName",
    "EndpointStatus",
)


def create(region: LocalRegion, request: Request) -> Request:
    name, now = request["EndpointName"], time.time()
    config = config_of(region, request["EndpointConfigName"])
    for variant in config["ProductionVariants"]:
        model_of(region, variant["ModelName"])
    record = {
        "EndpointName": name,
        "EndpointArn": _arn(name),
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Config": config,
        "Turn": uuid.uuid4().hex,
    }
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise invalid(f'Cannot create already existing endpoint "{_arn(name)}".')
        tags.keep(region, _arn(name), request.get("Tags", []))
        region.state.put(KIND, name, record)
    region.say(f"endpoint {name}: Creating")
    region.hosting.deploy(region, name, config, record["Turn"])
    return {"EndpointArn": _arn(name)}


def describe(region: LocalRegion, request: Request) -> Request:
    return _endpoint(region, request["EndpointName"]) | {
        "AsyncInferenceConfig": _endpoint(region, request["EndpointName"])["Config"].get("AsyncInferenceConfig")
    }


def list_(region: LocalRegion, request: Request) -> Request:
    return list_of(region, request, LISTED)


def update(region: LocalRegion, request: Request) -> Request:
    """Blue/green: the old fleet answers until the new one is well."""
    name = request["EndpointName"]
    config = config_of(region, request["EndpointConfigName"])
    with region.state.exclusive():
        _changeable(region, name)
        turn = uuid.uuid4().hex
        now = time.time()
        region.state.change(KIND, name, EndpointStatus="Updating", Turn=turn, LastModifiedTime=now, Pending=config)
    region.say(f"endpoint {name}: Updating")
    region.hosting.deploy(region, name, config, turn)
    return {"EndpointArn": _arn(name)}


def update_weights(region: LocalRegion, request: Request) -> Request:
    """Change weights where they are; counts are kept and change nothing, as each variant is one process."""
    name = request["EndpointName"]
    with region.state.exclusive():
        record = _changeable(region, name)
        fleet = region.hosting.of(name)
        variants = {each["VariantName"]: each for each in record.get("ProductionVariants", [])}
        for wish in request["DesiredWeightsAndCapacities"]:
            if wish["VariantName"] not in variants:
                raise invalid(
                    f'The variant name(s) "{wish["VariantName"]}" is/are not present within endpoint "{name}".'
                )
        for wish in request["DesiredWeightsAndCapacities"]:
            variant, weight, count = (
                variants[wish["VariantName"]],
                wish.get("DesiredWeight"),
                wish.get("DesiredInstanceCount"),
            )
            if weight is not None:
                variant |= {"DesiredWeight": weight, "CurrentWeight": weight}
                if fleet is not None:
                    fleet.chosen(wish["VariantName"]).weight = weight
            if count is not None:
                variant |= {"DesiredInstanceCount": count, "CurrentInstanceCount": count}
        now = time.time()
        region.state.change(KIND, name, ProductionVariants=list(variants.values()), LastModifiedTime=now)
    return {"EndpointArn": _arn(name)}


def delete(region: LocalRegion, request: Request) -> Request:
    name = request["EndpointName"]
    with region.state.exclusive():
        _endpoint(region, name)
        region.state.delete(KIND, name)
        region.state.delete(tags.KIND, _arn(name))
    region.hosting.retire(name)
    region.say(f"endpoint {name}: deleted")
    return {}


def _changeable(region: LocalRegion, name: str) -> Request:
    record = _endpoint(region, name)
    if record["EndpointStatus"] in WAITING:
        raise invalid(f'Cannot update in-progress endpoint "{_arn(name)}".')
    return record


def _endpoint(region: LocalRegion, name: str) -> Request:
    record = region.state.get(KIND, name)
    if record is None:
        raise invalid(f'Could not find endpoint "{_arn(name)}".')
    return record


def _arn(name: str) -> str:
    return arn("sagemaker", f"endpoint/{name}")
