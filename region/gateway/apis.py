"""The record of a REST API: its resources with their methods, deployments and stages."""

import secrets
import string
import time
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

KIND = "RestApi"
ALPHABET = string.ascii_lowercase + string.digits


def new_id(length: int = 10) -> str:
    """A random id in API Gateway's format."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def api_of(region: LocalRegion, request: Request) -> Request:
    """The record of an API. Raises the refusal of an unknown one."""
    api = region.state.get(KIND, request["restApiId"])
    if api is None:
        raise missing("Invalid API identifier specified")
    return api


def keep(region: LocalRegion, api: Request) -> None:
    region.state.put(KIND, api["id"], api)


def resource_of(api: Request, request: Request) -> Request:
    resource: Request | None = api["resources"].get(request["resourceId"])
    if resource is None:
        raise missing("Invalid Resource identifier specified")
    return resource


def method_of(resource: Request, request: Request) -> Request:
    method: Request | None = resource.get("resourceMethods", {}).get(request["httpMethod"])
    if method is None:
        raise missing("Invalid Method identifier specified")
    return method


def integration_of(method: Request) -> Request:
    integration: Request | None = method.get("methodIntegration")
    if integration is None:
        raise missing("Invalid Integration identifier specified")
    return integration


def new_api(name: str, request: Request) -> Request:
    root = new_id()
    return {
        "id": new_id(),
        "name": name,
        "description": request.get("description"),
        "createdDate": time.time(),
        "CreationTime": time.time(),
        "apiKeySource": "HEADER",
        "endpointConfiguration": request.get("endpointConfiguration", {"types": ["EDGE"]}),
        "rootResourceId": root,
        "resources": {root: {"id": root, "path": "/", "resourceMethods": {}}},
        "deployments": {},
        "stages": {},
    }


def missing(sentence: str) -> Refusal:
    return Refusal("NotFoundException", sentence, 404)


def bad(sentence: str) -> Refusal:
    return Refusal("BadRequestException", sentence)


def conflict(sentence: str) -> Refusal:
    return Refusal("ConflictException", sentence, 409)
