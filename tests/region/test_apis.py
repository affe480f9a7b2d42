"""REST APIs in front of functions, made through boto3 and asked over HTTP."""

import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.region.functions import function
from tests.region.running_region import RunningRegion

SUM = """
def lambda_handler(event, context):
    if event.get("fail"):
        raise ValueError("bad " + event["fail"])
    return {"sum": sum(event["numbers"])}
"""
PROXIED = """
import json
def lambda_handler(event, context):
    request = {key: event[key] for key in ("path", "httpMethod", "pathParameters", "queryStringParameters", "body")}
    return {"statusCode": 201, "headers": {"X-Mine": "yes"}, "body": json.dumps(request)}
"""
ALLOWED = ("Headers", "Methods", "Origin")
HEADERS = {f"method.response.header.Access-Control-Allow-{name}": "'*'" for name in ALLOWED}


def uri(name: str) -> str:
    called = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{called}/invocations"


class Api:
    """An API under construction."""

    def __init__(self, region: RunningRegion) -> None:
        self.region, self.client = region, region.client("apigateway")
        self.id = self.client.create_rest_api(name="api")["id"]
        (self.root,) = (each["id"] for each in self.client.get_resources(restApiId=self.id)["items"])

    def resource(self, part: str, parent: str | None = None) -> str:
        made = self.client.create_resource(restApiId=self.id, parentId=parent or self.root, pathPart=part)
        return str(made["id"])

    def method(self, resource: str, verb: str, **integration: Any) -> dict[str, str]:
        place = {"restApiId": self.id, "resourceId": resource, "httpMethod": verb}
        self.client.put_method(**place, authorizationType="NONE")
        self.client.put_integration(**place, **integration)
        return place

    def respond(self, place: dict[str, str], status: str = "200", **response: Any) -> None:
        self.client.put_method_response(**place, statusCode=status)
        self.client.put_integration_response(**place, statusCode=status, **response)

    def deployed(self, stage: str = "prod") -> str:
        self.client.create_deployment(restApiId=self.id, stageName=stage)
        return f"{self.region.address}/restapis/{self.id}/{stage}/_user_request_"


@pytest.fixture(scope="module")
def lab(region: RunningRegion) -> str:
    """The URL of an API as the console makes one: POST to a function, with CORS enabled."""
    api = Api(region)
    resource = api.resource("sum")
    name = function(region, SUM)
    post = api.method(resource, "POST", type="AWS", integrationHttpMethod="POST", uri=uri(name))
    api.respond(post, responseParameters={"method.response.header.Access-Control-Allow-Origin": "'*'"})
    api.respond(
        post,
        "400",
        selectionPattern="bad .*",
        responseTemplates={"application/json": "{\"why\": $input.json('$.errorMessage')}"},
    )
    options = api.method(resource, "OPTIONS", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.respond(options, responseParameters=HEADERS)
    return api.deployed()


def ask(url: str, method: str = "POST", **more: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.request(method, url, **more)


def test_a_page_of_another_origin_can_call_a_function(lab: str) -> None:
    answer = ask(f"{lab}/sum", json={"numbers": [1, 2, 3]}, headers={"Origin": "https://page.example"})
    assert (answer.status_code, answer.json()) == (200, {"sum": 6})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_browser_may_send_a_preflight_request(lab: str) -> None:
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    answer = ask(f"{lab}/sum", "OPTIONS", headers=asked)
    assert answer.status_code == 200
    assert [answer.headers[f"access-control-allow-{name.lower()}"] for name in ALLOWED] == ["*"] * 3


def test_an_error_is_mapped_by_its_message(lab: str) -> None:
    answer = ask(f"{lab}/sum", json={"fail": "numbers"})
    assert (answer.status_code, answer.json()) == (400, {"why": "bad numbers"})
    other = ask(f"{lab}/sum", json={})
    assert (other.status_code, other.json()["errorType"]) == (200, "KeyError")


def test_an_unknown_path_has_the_gateways_error(lab: str) -> None:
    for path, method in (("/nothing", "POST"), ("/sum", "GET")):
        answer = ask(lab + path, method)
        assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})
    assert ask(lab.replace("/prod/", "/test/") + "/sum").status_code == 403


def test_a_proxy_integration_gets_the_whole_request(region: RunningRegion) -> None:
    api = Api(region)
    name = function(region, PROXIED)
    below = api.resource("{rest+}", api.resource("things"))
    api.method(below, "ANY", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(name))
    answer = ask(api.deployed() + "/things/a%20b/c?q=1", "PUT", content=b"text")
    assert (answer.status_code, answer.headers["x-mine"]) == (201, "yes")
    assert answer.json() == {
        "path": "/things/a%20b/c",
        "httpMethod": "PUT",
        "pathParameters": {"rest": "a b/c"},
        "queryStringParameters": {"q": "1"},
        "body": "text",
    }


def test_an_invalid_proxy_result_is_a_bad_gateway(region: RunningRegion) -> None:
    api = Api(region)
    name = function(region, "def lambda_handler(e, c):\n    return 'text'\n")
    api.method(api.root, "GET", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(name))
    answer = ask(api.deployed(), "GET")
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_a_body_that_is_no_json_is_a_bad_request(lab: str) -> None:
    answer = ask(f"{lab}/sum", content=b"{numbers", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Could not parse request body into json: ")


@pytest.mark.parametrize("headers", ["text", {"multi": 1}])
def test_a_proxy_result_with_invalid_headers_is_a_bad_gateway(region: RunningRegion, headers: Any) -> None:
    api = Api(region)
    name = function(
        region,
        "def lambda_handler(e, c):\n"
        f"    return {{'statusCode': 200, 'headers': {headers!r}, 'multiValueHeaders': {headers!r}}}\n",
    )
    api.method(api.root, "GET", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(name))
    answer = ask(api.deployed(), "GET")
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_a_template_maps_the_event(region: RunningRegion) -> None:
    api = Api(region)
    name = function(region, "def lambda_handler(e, c):\n    return e\n")
    template = (
        json.dumps({"stage": "$context.stage", "who": "$input.params('who')"})[:-1] + ", \"all\": $input.json('$')}"
    )
    place = api.method(
        api.root,
        "POST",
        type="AWS",
        integrationHttpMethod="POST",
        uri=uri(name),
        requestTemplates={"application/json": template},
    )
    api.respond(place)
    answer = ask(f"{api.deployed()}/?who=me", json={"a": [1]})
    assert answer.json() == {"stage": "prod", "who": "me", "all": {"a": [1]}}


def test_an_unsupported_directive_in_a_template_is_logged(region: RunningRegion) -> None:
    api = Api(region)
    templates = {"application/json": "#set($x = 1) $x"}
    api.respond(api.method(api.root, "POST", type="MOCK", requestTemplates=templates))
    assert ask(api.deployed(), json={}).status_code == 500
    region.await_line(r"this region does not support #set in mapping templates")


def test_a_stage_answers_as_it_was_deployed(region: RunningRegion) -> None:
    api = Api(region)
    place = api.method(api.root, "GET", type="MOCK")
    api.respond(place)
    url = api.deployed()
    api.client.delete_method(**place)
    assert ask(url, "GET").status_code == 200
    with pytest.raises(ClientError, match="doesn't contain any methods"):
        api.deployed()
    assert [each["stageName"] for each in api.client.get_stages(restApiId=api.id)["item"]] == ["prod"]
    api.client.delete_rest_api(restApiId=api.id)
    assert ask(url, "GET").status_code == 403


@pytest.mark.parametrize(
    ("integration", "sentence"),
    [
        ({"type": "HTTP", "uri": "http://example.com"}, "This region does not support integration type HTTP"),
        ({"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:s3:path/b"}, "Invalid ARN specified in the request"),
    ],
)
def test_other_integrations_are_refused(region: RunningRegion, integration: dict[str, str], sentence: str) -> None:
    api = Api(region)
    with pytest.raises(ClientError, match=sentence):
        api.method(api.root, "GET", **integration)
