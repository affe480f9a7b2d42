"""API Gateway's operations on REST APIs."""

import copy
import time
from collections.abc import Callable
from typing import Any

from forecastle.region.gateway.apis import (
    KIND,
    api_of,
    bad,
    conflict,
    integration_of,
    keep,
    method_of,
    missing,
    new_api,
    new_id,
    resource_of,
)
from forecastle.region.local_region import LocalRegion

Request = dict[str, Any]

INTEGRATIONS = ("AWS", "AWS_PROXY", "MOCK")
PATH_MEMBERS = ("restApiId", "resourceId", "httpMethod", "statusCode")


def create_rest_api(region: LocalRegion, request: Request) -> Request:
    api = new_api(request["name"], request)
    keep(region, api)
    region.say(f"API {api['name']}: created as {api['id']}")
    return api


def get_rest_apis(region: LocalRegion, request: Request) -> Request:
    del request
    return {"items": region.state.all(KIND)}


def get_rest_api(region: LocalRegion, request: Request) -> Request:
    return api_of(region, request)


def delete_rest_api(region: LocalRegion, request: Request) -> Request:
    api = api_of(region, request)
    region.state.delete(KIND, api["id"])
    region.say(f"API {api['name']}: deleted")
    return {}


def get_resources(region: LocalRegion, request: Request) -> Request:
    api = api_of(region, request)
    return {"items": sorted(api["resources"].values(), key=lambda each: str(each["path"]))}


def get_resource(region: LocalRegion, request: Request) -> Request:
    return resource_of(api_of(region, request), request)


def create_resource(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        api = api_of(region, request)
        parent: Request | None = api["resources"].get(request["parentId"])
        if parent is None:
            raise missing("Invalid Resource identifier specified")
        part = request["pathPart"]
        path = f"{parent['path'].rstrip('/')}/{part}"
        if any(each["path"] == path for each in api["resources"].values()):
            raise conflict(f"Another resource with the same parent already has this name: {part}")
        resource = {"id": new_id(6), "parentId": parent["id"], "pathPart": part, "path": path, "resourceMethods": {}}
        api["resources"][resource["id"]] = resource
        keep(region, api)
    return resource


def delete_resource(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        api = api_of(region, request)
        gone = resource_of(api, request)
        if gone["id"] == api["rootResourceId"]:
            raise bad("Root resource cannot be deleted")
        below = f"{gone['path']}/"
        api["resources"] = {
            number: each
            for number, each in api["resources"].items()
            if number != gone["id"] and not f"{each['path']}/".startswith(below)
        }
        keep(region, api)
    return {}


def put_method(region: LocalRegion, request: Request) -> Request:
    if request["authorizationType"] != "NONE":
        raise bad(f"This region does not support authorizationType {request['authorizationType']}, only NONE.")

    def put(resource: Request) -> Request:
        method = {"apiKeyRequired": False, "methodResponses": {}} | _members(request, "httpMethod")
        resource["resourceMethods"][request["httpMethod"]] = method
        return method

    return _changed(region, request, put)


def get_method(region: LocalRegion, request: Request) -> Request:
    return method_of(resource_of(api_of(region, request), request), request)


def delete_method(region: LocalRegion, request: Request) -> Request:
    def delete(resource: Request) -> Request:
        method_of(resource, request)
        del resource["resourceMethods"][request["httpMethod"]]
        return {}

    return _changed(region, request, delete)


def put_method_response(region: LocalRegion, request: Request) -> Request:
    def put(resource: Request) -> Request:
        response = _members(request, "statusCode")
        method_of(resource, request)["methodResponses"][request["statusCode"]] = response
        return response

    return _changed(region, request, put)


def put_integration(region: LocalRegion, request: Request) -> Request:
    if request["type"] not in INTEGRATIONS:
        raise bad(
            f"This region does not support integration type {request['type']}. It supports {', '.join(INTEGRATIONS)}."
        )
    if request["type"] != "MOCK" and ":lambda:path/" not in request.get("uri", ""):
        raise bad(
            "Invalid ARN specified in the request: expected a Lambda function's, arn:aws:apigateway:…:lambda:path/…"
        )

    def put(resource: Request) -> Request:
        integration = _members(request) | {"integrationResponses": {}, "passthroughBehavior": "WHEN_NO_MATCH"}
        integration |= {"timeoutInMillis": request.get("timeoutInMillis", 29000)}
        if "integrationHttpMethod" in integration:
            integration["httpMethod"] = integration.pop("integrationHttpMethod")
        method_of(resource, request)["methodIntegration"] = integration
        return integration

    return _changed(region, request, put)


def get_integration(region: LocalRegion, request: Request) -> Request:
    return integration_of(get_method(region, request))


def put_integration_response(region: LocalRegion, request: Request) -> Request:
    def put(resource: Request) -> Request:
        response = _members(request, "statusCode")
        integration_of(method_of(resource, request))["integrationResponses"][request["statusCode"]] = response
        return response

    return _changed(region, request, put)


def create_deployment(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        api = api_of(region, request)
        methods = [each for resource in api["resources"].values() for each in resource["resourceMethods"].values()]
        if not methods:
            raise bad("The REST API doesn't contain any methods")
        if not all("methodIntegration" in each for each in methods):
            raise bad("No integration defined for method")
        deployment = {
            "id": new_id(6),
            "description": request.get("description"),
            "createdDate": time.time(),
            "resources": copy.deepcopy(api["resources"]),
        }
        api["deployments"][deployment["id"]] = deployment
        if request.get("stageName"):
            _stage(api, request["stageName"], deployment["id"], request)
        keep(region, api)
    return deployment


def get_deployments(region: LocalRegion, request: Request) -> Request:
    return {"items": list(api_of(region, request)["deployments"].values())}


def create_stage(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        api = api_of(region, request)
        if request["deploymentId"] not in api["deployments"]:
            raise missing("Invalid Deployment identifier specified")
        if request["stageName"] in api["stages"]:
            raise conflict("Stage already exists")
        stage = _stage(api, request["stageName"], request["deploymentId"], request)
        keep(region, api)
    return stage


def get_stage(region: LocalRegion, request: Request) -> Request:
    stage: Request | None = api_of(region, request)["stages"].get(request["stageName"])
    if stage is None:
        raise missing("Invalid stage identifier specified")
    return stage


def get_stages(region: LocalRegion, request: Request) -> Request:
    return {"item": list(api_of(region, request)["stages"].values())}


def delete_stage(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        api = api_of(region, request)
        get_stage(region, request)
        del api["stages"][request["stageName"]]
        keep(region, api)
    return {}


def _stage(api: Request, name: str, deployment: str, request: Request) -> Request:
    now = time.time()
    before = api["stages"].get(name, {"createdDate": now})
    stage: Request = before | {
        "stageName": name,
        "deploymentId": deployment,
        "variables": request.get("variables", before.get("variables", {})),
        "lastUpdatedDate": now,
    }
    api["stages"][name] = stage
    return stage


def _changed(region: LocalRegion, request: Request, change: Callable[[Request], Request]) -> Request:
    """Change a resource and store its API; return the result of the change."""
    with region.state.exclusive():
        api = api_of(region, request)
        result = change(resource_of(api, request))
        keep(region, api)
    return result


def _members(request: Request, *included: str) -> Request:
    return {name: value for name, value in request.items() if name not in PATH_MEMBERS or name in included}
