"""A request to an API's invoke URL: /restapis/{id}/{stage}/_user_request_/{path}."""

import asyncio
import base64
import json
import re
import sys
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from forecastle.region.account import ACCOUNT
from forecastle.region.functions.operations import function_of
from forecastle.region.gateway.apis import KIND
from forecastle.region.gateway.templates import Unsupported, rendered
from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.exchange import Answer, Request
from forecastle.region.wire.refusal import Refusal

URL = re.compile(r"/restapis/([^/]+)/([^/]+)/_user_request_(/.*)?")
FUNCTION = re.compile(r"/functions/([^/]+)/invocations")
JSON = "application/json"
HEADER = "method.response.header."
THREADS = 64


class Gateway:
    """Handles requests to deployed APIs."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")

    async def answer(self, service: str, request: Request) -> Answer:
        """The response of the method for the path, in the stage."""
        del service
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, request)

    def _answer(self, request: Request) -> Answer:
        found = URL.fullmatch(request.raw_path)
        assert found is not None
        api, stage = self._region.state.get(KIND, found[1]), None
        if api is not None:
            stage = api["stages"].get(found[2])
        if api is None or stage is None:
            return _refused(403, "Forbidden", "ForbiddenException")
        resources = api["deployments"][stage["deploymentId"]]["resources"].values()
        path = "/" + (found[3] or "/").strip("/")
        resource, labels = _matched(list(resources), path)
        methods = {} if resource is None else resource["resourceMethods"]
        method = methods.get(request.method) or methods.get("ANY")
        if resource is None or method is None:
            return _refused(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
        call = _Call(self._region, request, api, stage, resource, path, labels)
        try:
            return call.answer(method["methodIntegration"])
        except Unsupported as error:
            self._region.say(f"API {api['name']}: {request.method} {path}: {error}")
        except Refusal as refusal:
            self._region.say(f"API {api['name']}: {request.method} {path}: {refusal}")
        except Exception:
            traceback.print_exc(file=sys.stderr)
        return _refused(500, "Internal server error", "InternalServerErrorException")


class _Call:
    """One request to a method's integration."""

    def __init__(
        self,
        region: LocalRegion,
        request: Request,
        api: dict[str, Any],
        stage: dict[str, Any],
        resource: dict[str, Any],
        path: str,
        labels: dict[str, str],
    ) -> None:
        self._region = region
        self._request = request
        self._stage = stage
        self._resource = resource
        self._path = path
        self._labels = labels
        self._query = request.pairs()
        self._context = {
            "requestId": str(uuid.uuid4()),
            "apiId": api["id"],
            "stage": stage["stageName"],
            "httpMethod": request.method,
            "resourcePath": resource["path"],
            "accountId": ACCOUNT,
        }

    def answer(self, integration: dict[str, Any]) -> Answer:
        if integration["type"] == "AWS_PROXY":
            return self._proxied(integration)
        sent = self._sent(integration)
        if integration["type"] == "MOCK":
            status = _status(sent)
            responses = integration["integrationResponses"]
            chosen = next((each for each in responses.values() if each.get("selectionPattern") == status), None)
            return self._responded(chosen or _default(responses), "")
        try:
            event = json.loads(sent or "{}")
        except ValueError as error:
            why = f"Could not parse request body into json: {error}"
            return _refused(400, why, "BadRequestException")
        function = function_of(self._region, {"FunctionName": _function(integration)})
        outcome = self._region.functions.invoke(self._region, function, event)
        reply = outcome.payload.decode()
        return self._responded(_chosen(integration["integrationResponses"], reply if outcome.error else None), reply)

    def _sent(self, integration: dict[str, Any]) -> str:
        """The body for the integration, mapped by its template if it has one."""
        body = self._request.body.decode("utf-8", "replace")
        media_type = self._request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        template = integration.get("requestTemplates", {}).get(media_type)
        return body if template is None else self._rendered(template, body)

    def _rendered(self, template: str, body: str) -> str:
        params = self._request.headers | dict(self._query) | self._labels
        return rendered(template, body, params, self._context, self._stage.get("variables", {}))

    def _responded(self, response: dict[str, Any] | None, body: str) -> Answer:
        if response is None:
            raise Unsupported("no integration response matches, and there is no default one")
        headers = {"Content-Type": JSON}
        for name, value in response.get("responseParameters", {}).items():
            if name.startswith(HEADER):
                headers[name[len(HEADER) :]] = self._mapped(value, body)
        template = response.get("responseTemplates", {}).get(JSON)
        content = body if not template else self._rendered(template, body)
        return Answer(int(response["statusCode"]), headers, content.encode())

    def _mapped(self, value: str, body: str) -> str:
        if re.fullmatch(r"'.*'", value):
            return value[1:-1]
        if value.startswith("integration.response.body."):
            return self._rendered(f"$input.path('$.{value.removeprefix('integration.response.body.')}')", body)
        return ""

    def _proxied(self, integration: dict[str, Any]) -> Answer:
        function = function_of(self._region, {"FunctionName": _function(integration)})
        outcome = self._region.functions.invoke(self._region, function, self._event())
        try:
            reply = json.loads(outcome.payload)
            if (
                outcome.error is not None
                or not isinstance(reply, dict)
                or not isinstance(reply.get("statusCode", 200), int)
            ):
                raise ValueError
            body = reply.get("body") or ""
            content = base64.b64decode(body) if reply.get("isBase64Encoded") else str(body).encode()
            headers = _headers(reply)
        except ValueError:
            return _refused(502, "Internal server error", "InternalServerErrorException")
        return Answer(reply.get("statusCode", 200), headers, content)

    def _event(self) -> dict[str, Any]:
        """The event of a proxy integration, version 1.0."""
        headers, body = self._request.headers, self._request.body
        try:
            text, encoded = body.decode(), False
        except UnicodeDecodeError:
            text, encoded = base64.b64encode(body).decode(), True
        several: dict[str, list[str]] = {}
        for name, value in self._query:
            several.setdefault(name, []).append(value)
        return {
            "resource": self._resource["path"],
            "path": self._path,
            "httpMethod": self._request.method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": dict(self._query) or None,
            "multiValueQueryStringParameters": several or None,
            "pathParameters": self._labels or None,
            "stageVariables": self._stage.get("variables") or None,
            "requestContext": {
                **self._context,
                "path": f"/{self._stage['stageName']}{self._path}",
                "protocol": "HTTP/1.1",
                "requestTimeEpoch": int(time.time() * 1000),
                "identity": {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent")},
            },
            "body": text or None,
            "isBase64Encoded": encoded,
        }


def _matched(resources: list[dict[str, Any]], path: str) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The resource for a path and its path parameters; fixed paths come first."""
    for resource in sorted(resources, key=lambda each: (each["path"].count("{"), "+}" in each["path"])):
        parts = []
        for part in re.split(r"(\{[^}]+\})", resource["path"]):
            name = re.sub(r"\W", "_", part.strip("{}+"))
            pattern = rf"(?P<{name}>{'.+' if part.endswith('+}') else '[^/]+'})"
            parts.append(pattern if part.startswith("{") else re.escape(part))
        found = re.fullmatch("".join(parts), path)
        if found is not None:
            return resource, {name: unquote(value) for name, value in found.groupdict().items()}
    return None, {}


def _headers(reply: dict[str, Any]) -> dict[str, str]:
    """The headers of a proxy integration's reply. Raises `ValueError` if they are not objects."""
    single, several = reply.get("headers") or {}, reply.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(several, dict)):
        raise ValueError
    if not all(isinstance(values, list) for values in several.values()):
        raise ValueError
    given = {name: str(value) for name, value in single.items()}
    given |= {name: ", ".join(map(str, values)) for name, values in several.items()}
    typed = any(name.lower() == "content-type" for name in given)
    return given if typed else {"Content-Type": JSON, **given}


def _function(integration: dict[str, Any]) -> str:
    found = FUNCTION.search(integration["uri"])
    if found is None:
        raise Unsupported(f"the integration's URI {integration['uri']} names no Lambda function")
    return found[1]


def _chosen(responses: dict[str, Any], error: str | None) -> dict[str, Any] | None:
    """The integration response whose pattern matches the error message, or the default one."""
    if error is not None:
        message = json.loads(error).get("errorMessage", "")
        for each in responses.values():
            if each.get("selectionPattern") and re.fullmatch(each["selectionPattern"], message, re.DOTALL):
                return dict(each)
    return _default(responses)


def _default(responses: dict[str, Any]) -> dict[str, Any] | None:
    return next((each for each in responses.values() if not each.get("selectionPattern")), None)


def _status(sent: str) -> str:
    try:
        return str(json.loads(sent)["statusCode"])
    except (ValueError, KeyError, TypeError):
        return "200"


def _refused(status: int, message: str, kind: str) -> Answer:
    return Answer(status, {"Content-Type": JSON, "x-amzn-ErrorType": kind}, json.dumps({"message": message}).encode())
