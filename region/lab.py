"""The console steps of the translation lab, through boto3: a function, and an API that calls it."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from forecastle.contract.errors import InvalidJob, NotReady
from forecastle.region.account import REGION, ROLE_ARN, arn
from forecastle.region.home import Home

ORIGIN = "method.response.header.Access-Control-Allow-Origin"
ALLOWED_HEADERS = "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token"


def client(home: Home, service: str) -> Any:
    """boto3's client of a service of the region that runs in this folder. Raises `NotReady` if none does."""
    address = home.address()
    if address is None:
        raise NotReady(f"No region runs in {home.folder}: start one with `forecastle region up`.")
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client(service, endpoint_url=address, region_name=REGION, config=Config(proxies={}), **keys)


def create_function(
    home: Home, name: str, files: Sequence[Path], handler: str, timeout: int, memory: int, environ: Mapping[str, str]
) -> str:
    """Create a function from Python files, or update the one of that name; return its ARN."""
    service, content = client(home, "lambda"), _zipped(files)
    settings = {
        "Handler": handler,
        "Timeout": timeout,
        "MemorySize": memory,
        "Environment": {"Variables": dict(environ)},
    }
    try:
        made = service.create_function(
            FunctionName=name, Runtime="python3.11", Role=ROLE_ARN, Code={"ZipFile": content}, **settings
        )
    except service.exceptions.ResourceConflictException:
        service.update_function_configuration(FunctionName=name, **settings)
        made = service.update_function_code(FunctionName=name, ZipFile=content)
    return str(made["FunctionArn"])


def create_api(home: Home, name: str, posts: Mapping[str, str], cors: str | None, stage: str) -> list[str]:
    """Create an API whose paths pass the body of a POST to functions; return the invoke URLs.

    With `cors`, each path also answers OPTIONS, so that pages of that origin may call it, as with "Enable CORS".
    """
    service = client(home, "apigateway")
    api = service.create_rest_api(name=name)["id"]
    (root,) = (each["id"] for each in service.get_resources(restApiId=api)["items"])
    resources = {"/": root}
    for path, function in posts.items():
        resource = _resource(service, api, resources, path)
        place = {"restApiId": api, "resourceId": resource}
        called = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn('lambda', f'function:{function}')}"
        integration = {"type": "AWS", "integrationHttpMethod": "POST", "uri": f"{called}/invocations"}
        headers = {} if cors is None else {ORIGIN: f"'{cors}'"}
        _method(service, place | {"httpMethod": "POST"}, integration, headers)
        if cors is not None:
            mock = {"type": "MOCK", "requestTemplates": {"application/json": json.dumps({"statusCode": 200})}}
            _method(service, place | {"httpMethod": "OPTIONS"}, mock, headers | _preflight())
    service.create_deployment(restApiId=api, stageName=stage)
    return [f"{home.address()}/restapis/{api}/{stage}/_user_request_{path}" for path in posts]


def _resource(service: Any, api: str, resources: dict[str, str], path: str) -> str:
    """The resource of a path, which is created with its parents if necessary."""
    if not path.startswith("/"):
        raise InvalidJob(f"--post {path}: expected /PATH=FUNCTION.")
    place, parent = "", resources["/"]
    for part in filter(None, path.split("/")):
        place += f"/{part}"
        if place not in resources:
            resources[place] = service.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]
        parent = resources[place]
    return parent


def _method(service: Any, place: dict[str, str], integration: dict[str, Any], headers: Mapping[str, str]) -> None:
    service.put_method(**place, authorizationType="NONE")
    declared = dict.fromkeys(headers, True)
    service.put_method_response(**place, statusCode="200", responseParameters=declared)
    service.put_integration(**place, **integration)
    service.put_integration_response(**place, statusCode="200", responseParameters=dict(headers))


def _preflight() -> dict[str, str]:
    prefix = "method.response.header.Access-Control-Allow"
    return {f"{prefix}-Headers": f"'{ALLOWED_HEADERS}'", f"{prefix}-Methods": "'OPTIONS,POST'"}


def _zipped(files: Sequence[Path]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.name)
    return content.getvalue()
