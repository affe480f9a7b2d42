"""Operations on endpoints: create, update, delete."""

import time
import uuid

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.endpoints.configs import CONFIG
from forecastle.region.sagemaker.endpoints.hosting import ENDPOINT, WAITING
from forecastle.region.sagemaker.models import MODEL
from forecastle.region.sagemaker.resource import Record
from forecastle.region.wire.refusal import invalid


def create(region: LocalRegion, request: Record) -> Record:
    name, now = request["EndpointName"], time.time()
    config = CONFIG.get(region, request["EndpointConfigName"])
    for variant in config["ProductionVariants"]:
        MODEL.get(region, variant["ModelName"])
    record = {
        "EndpointName": name,
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Config": config,
        "Turn": uuid.uuid4().hex,
    }
    answer = ENDPOINT.add(region, record | {"Tags": request.get("Tags", [])})
    region.say(f"endpoint {name}: Creating")
    region.hosting.deploy(region, name, config, record["Turn"])
    return answer


def update(region: LocalRegion, request: Record) -> Record:
    """Blue/green: the old fleet serves until the new one is ready."""
    name = request["EndpointName"]
    config = CONFIG.get(region, request["EndpointConfigName"])
    with region.state.exclusive():
        _changeable(region, name)
        turn = uuid.uuid4().hex
        now = time.time()
        region.state.change(
            ENDPOINT.kind, name, EndpointStatus="Updating", Turn=turn, LastModifiedTime=now, Pending=config
        )
    region.say(f"endpoint {name}: Updating")
    region.hosting.deploy(region, name, config, turn)
    return {"EndpointArn": ENDPOINT.arn(name)}


def update_weights(region: LocalRegion, request: Record) -> Record:
    """Change weights in place; instance counts are only stored, as each variant is one process."""
    name = request["EndpointName"]
    with region.state.exclusive():
        record = _changeable(region, name)
        fleet = region.hosting.of(name)
        variants = {each["VariantName"]: each for each in record.get("ProductionVariants", [])}
        for desired in request["DesiredWeightsAndCapacities"]:
            if desired["VariantName"] not in variants:
                raise invalid(
                    f'The variant name(s) "{desired["VariantName"]}" is/are not present within endpoint "{name}".'
                )
        for desired in request["DesiredWeightsAndCapacities"]:
            variant, weight, count = (
                variants[desired["VariantName"]],
                desired.get("DesiredWeight"),
                desired.get("DesiredInstanceCount"),
            )
            if weight is not None:
                variant |= {"DesiredWeight": weight, "CurrentWeight": weight}
                if fleet is not None:
                    fleet.chosen(desired["VariantName"]).weight = weight
            if count is not None:
                variant |= {"DesiredInstanceCount": count, "CurrentInstanceCount": count}
        now = time.time()
        region.state.change(ENDPOINT.kind, name, ProductionVariants=list(variants.values()), LastModifiedTime=now)
    return {"EndpointArn": ENDPOINT.arn(name)}


def delete(region: LocalRegion, request: Record) -> Record:
    name = request["EndpointName"]
    ENDPOINT.delete(region, request)
    region.hosting.retire(name)
    region.say(f"endpoint {name}: deleted")
    return {}


def _changeable(region: LocalRegion, name: str) -> Record:
    record = ENDPOINT.get(region, name)
    if record["EndpointStatus"] in WAITING:
        raise invalid(f'Cannot update in-progress endpoint "{ENDPOINT.arn(name)}".')
    return record
