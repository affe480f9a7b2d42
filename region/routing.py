"""The service that a request is for, by its target, path, signature or host."""

import re

from forecastle.region.proxy.domains import is_aws
from forecastle.region.wire.exchange import Request

TARGETS = {"SageMaker": "sagemaker", "Logs_20140328": "logs", "GraniteServiceVersion20100801": "cloudwatch"}
SIGNED = {
    "sagemaker": "sagemaker",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "sts": "sts",
    "iam": "iam",
    "lambda": "lambda",
    "apigateway": "apigateway",
    "execute-api": "execute-api",
    "s3": "s3",
}
HOSTS = {
    "api.sagemaker": "sagemaker",
    "runtime.sagemaker": "sagemaker-runtime",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "sts": "sts",
    "iam": "iam",
    "lambda": "lambda",
    "apigateway": "apigateway",
}
EXECUTE = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?")
RUNTIME = re.compile(r"/endpoints/[^/]+/(?:async-)?invocations(?:-response-stream)?")
INVOKE = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(?:/.*)?")
CREDENTIAL = re.compile(r"Credential=[^/]*/\d*/[^/]*/([^/,]*)/aws4_request")
BUCKET = re.compile(r".+\.s3[.-].*amazonaws\.com(?:\.cn)?(?::\d+)?")  # it may be called `logs`
CONSOLE = re.compile(r"/_region/.*")  # not a valid name for a bucket


def service_of(request: Request) -> str:
    """The service's name; `console` for pages in a browser, and `s3` if no other service matches."""
    if INVOKE.fullmatch(request.raw_path):
        return "execute-api"
    target = request.headers.get("x-amz-target", "").partition(".")[0]
    if target:
        return TARGETS.get(target, target)
    signed = _signed(request)
    if RUNTIME.fullmatch(request.raw_path) and signed in (None, "sagemaker"):
        return "sagemaker-runtime"
    if signed is not None:
        return SIGNED.get(signed, signed)
    host = request.headers.get("host", "").lower()
    if BUCKET.fullmatch(host):
        return "s3"
    if is_aws(host.partition(":")[0]):
        for name, service in HOSTS.items():
            if re.match(rf"{re.escape(name)}[.-]", host):
                return service
    if request.method == "GET" and (
        CONSOLE.fullmatch(request.raw_path) or (request.raw_path == "/" and _from_a_browser(request))
    ):
        return "console"
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if request.method == "POST" and request.raw_path == "/" and form:
        return "sts"
    return "s3"


def local_path(host: str, raw_path: str) -> str:
    """The path of a request; for an API's own host at AWS, the path of the same invoke URL here."""
    found = EXECUTE.fullmatch(host.lower())
    if found is None:
        return raw_path
    stage, _, rest = raw_path.lstrip("/").partition("/")
    return f"/restapis/{found[1]}/{stage or '-'}/_user_request_/{rest}"  # no stage has the name -


def _signed(request: Request) -> str | None:
    """The service in the signature's credential scope."""
    found = CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is not None:
        return found[1]
    for name, value in request.pairs() if "X-Amz-Credential" in request.query else ():
        if name == "X-Amz-Credential" and value.count("/") == 4:
            return value.split("/")[3]
    return None


def _from_a_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
