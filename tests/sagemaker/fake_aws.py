"""A fake of AWS: each request is validated with botocore's model of the service, recorded and answered.

Jobs are completed and endpoints in service as soon as they are asked for. Buckets are kept in memory. What an endpoint
is asked goes to a server of ours. Everything else is refused, so that no request stays unseen.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session

ACCOUNT, REGION = "111122223333", "eu-west-1"
XML = "application/xml"
NAME_OF = {"HyperParameterTuningJob": "HyperParameterTuningJobName"}

# Body, content type and headers of a request to an endpoint; what the server answers: status, content type, body.
Invocation = Callable[[bytes, Mapping[str, str]], tuple[int, str, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: bytes = b""
    content_type: str = "application/x-amz-json-1.1"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FakeAws:
    """An address for every service; `requests` has what was created in SageMaker, `objects` the content of S3."""

    def __init__(self, invoke: Invocation) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.invocations: list[dict[str, str]] = []
        self._resources: dict[tuple[str, str], dict[str, Any]] = {}
        self._invoke = invoke
        self._model = botocore.session.get_session().get_service_model("sagemaker")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of every request for that operation."""
        return [parameters for name, parameters in self.requests if name == operation]

    def running(self) -> list[str]:
        """The endpoints that have not been deleted, and would cost money."""
        return [name for kind, name in self._resources if kind == "Endpoint"]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request, of the service that its signature names."""
        signed = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("Authorization", ""))
        service = signed[1] if signed else "nothing signed"
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
        if service == "sagemaker" and operation:
            return self._control(operation, json.loads(body))
        if service == "sagemaker":
            return self._runtime(urlsplit(target).path, headers, body)
        if service == "s3":
            return self._s3(method, target, headers, body)
        if service == "sts":
            return _identity()
        if service == "logs":
            return Answer(json.dumps({"logStreams": [], "events": []}).encode())
        if service == "iam":  # SDK 3 would look what the role may do, and goes on where it may not look itself
            return Answer(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", XML, 403)
        self.faults.append(f"{service}: {method} {target} is not faked")
        return _refusal("AccessDenied", f"{service} is not faked")

    def _control(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.requests.append((operation, parameters))
        if operation not in self._model.operation_names:
            self.faults.append(f"SageMaker has no {operation}")
            return _refusal("UnknownOperationException", operation)
        shape = self._model.operation_model(operation).input_shape
        self.faults += [f"{operation}{fault}" for fault in faults(shape, parameters)]
        verb, kind = re.fullmatch(r"([A-Z][a-z]+)(\w+)", operation).groups()  # type: ignore[union-attr]
        name = parameters.get(NAME_OF.get(kind, f"{kind}Name"), "")
        if verb == "Create":
            self._resources[kind, name] = parameters
            if kind == "TrainingJob":
                self.objects[_key(_artifact(name, parameters))] = b"a model"
            return Answer(json.dumps({f"{kind}Arn": _arn(kind, name)}).encode())
        if (kind, name) not in self._resources:
            return _refusal("ValidationException", f'Could not find {kind} "{name}"')
        if verb == "Describe":
            described = self._resources[kind, name] | _outcome(kind, name, self._resources[kind, name])
            described.pop("Tags", None)
            return Answer(json.dumps(described).encode())
        if verb == "Delete":
            del self._resources[kind, name]
            return Answer(b"{}")
        self.faults.append(f"{operation} is not faked")
        return _refusal("UnknownOperationException", operation)

    def _runtime(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        found = re.fullmatch(r"/endpoints/([^/]+)/(async-)?invocations", path)
        if not found or ("Endpoint", found[1]) not in self._resources:
            self.faults.append(f"no endpoint answers at {path}")
            return _refusal("ValidationError", f"no endpoint at {path}")
        self.invocations.append({name.lower(): value for name, value in headers.items()})
        if not found[2]:
            status, content_type, answered = self._invoke(body, headers)
            return Answer(answered, content_type, status)
        source = _key(headers["X-Amzn-SageMaker-InputLocation"])
        _, _, answered = self._invoke(self.objects[source], headers)
        config = self._resources["EndpointConfig", self._resources["Endpoint", found[1]]["EndpointConfigName"]]
        location = f"{config['AsyncInferenceConfig']['OutputConfig']['S3OutputPath']}/answer.out"
        self.objects[_key(location)] = answered
        sent = {"X-Amzn-SageMaker-OutputLocation": location}
        return Answer(b'{"InferenceId": "1"}', "application/json", 202, sent)

    def _s3(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = unquote(urlsplit(target).path).strip("/")
        asked = parse_qs(urlsplit(target).query, keep_blank_values=True)
        if method == "PUT" and "/" in path:
            source = headers.get("x-amz-copy-source")
            self.objects[path] = body if source is None else self.objects[unquote(source).strip("/")]
            return Answer(b"" if source is None else b"<CopyObjectResult/>", XML, headers={"ETag": '"1"'})
        if method in ("HEAD", "PUT") and "/" not in path:
            return Answer(content_type=XML)
        if method in ("GET", "HEAD") and path in self.objects:
            return Answer(self.objects[path], "binary/octet-stream", headers={"ETag": '"1"'})
        if method == "GET" and "list-type" in asked:
            prefix = f"{path}/{asked.get('prefix', [''])[0]}"
            keys = [key.partition("/")[2] for key in self.objects if key.startswith(prefix)]
            listed = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
            return Answer(f"<ListBucketResult>{listed}</ListBucketResult>".encode(), XML)
        return Answer(b"<Error><Code>NoSuchKey</Code></Error>", XML, 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answered(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = aws.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(answer.status)
                for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answered  # noqa: N815 - as the base class calls them

            def log_message(self, *_: Any) -> None:
                """Nothing to log: the tests inspect `requests`."""

        return Handler


def faults(shape: Any, value: Any, place: str = "") -> list[str]:
    """What the service would refuse: botocore's client checks only names and types, this also checks values."""
    if shape.type_name == "structure":
        missing = [f"{place}.{name} is missing" for name in shape.required_members if name not in value]
        unknown = [f"{place}.{name} is unknown" for name in value if name not in shape.members]
        known = [(name, each) for name, each in value.items() if name in shape.members]
        return (
            missing
            + unknown
            + [f for name, each in known for f in faults(shape.members[name], each, f"{place}.{name}")]
        )
    length = len(value) if isinstance(value, str | list | dict) else value
    found = []
    if shape.type_name == "list":
        found = [f for index, each in enumerate(value) for f in faults(shape.member, each, f"{place}[{index}]")]
    elif shape.type_name == "map":
        found = [f for name, each in value.items() for f in faults(shape.key, name, place)]
        found += [f for name, each in value.items() for f in faults(shape.value, each, f"{place}.{name}")]
    elif shape.type_name == "string":
        if not isinstance(value, str):
            return [f"{place}: expected text, got {value!r}"]
        if shape.enum and value not in shape.enum:
            found.append(f"{place}: {value!r} is not one of {', '.join(shape.enum)}")
        if "pattern" in shape.metadata and not re.fullmatch(_python(shape.metadata["pattern"]), value):
            found.append(f"{place}: {value!r} does not look like {shape.metadata['pattern']}")
    if shape.type_name != "boolean" and not isinstance(length, bool):
        low, high = (shape.metadata.get(end) for end in ("min", "max"))
        if (low is not None and length < low) or (high is not None and length > high):
            found.append(f"{place}: {length} is not in [{low}, {high}]")
    return found


def _python(pattern: str) -> str:
    """A pattern of the service model, which is written for Java, as Python reads it."""
    return pattern.replace(r"\p{L}", "a-zA-ZÀ-ÿ").replace(r"\p{Z}", r"\s").replace(r"\p{N}", r"\d")


def _outcome(kind: str, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What a description adds to the request: everything succeeded."""
    now = time.time()
    added: dict[str, Any] = {f"{kind}Arn": _arn(kind, name), "CreationTime": now, "LastModifiedTime": now}
    if kind == "TrainingJob":
        added |= {"ModelArtifacts": {"S3ModelArtifacts": _artifact(name, asked)}, "SecondaryStatus": "Completed"}
        added |= {
            "TrainingStartTime": now,
            "TrainingEndTime": now,
            "BillableTimeInSeconds": 1,
            "TrainingTimeInSeconds": 1,
        }
        added |= {"BillableTimeInSeconds": 1}
        added |= {"SecondaryStatusTransitions": [{"Status": "Completed", "StartTime": now, "StatusMessage": ""}]}
    if kind == "HyperParameterTuningJob":
        best = {"TrainingJobName": f"{name}-001", "TrainingJobArn": _arn("TrainingJob", name), "CreationTime": now}
        added |= {"BestTrainingJob": best | {"TrainingJobStatus": "Completed", "TunedHyperParameters": {}}}
        added |= {"TrainingJobStatusCounters": {"Completed": 1}, "ObjectiveStatusCounters": {"Succeeded": 1}}
    if kind == "Endpoint":
        added["ProductionVariants"] = [{"VariantName": "AllTraffic", "CurrentInstanceCount": 1}]
    if kind in ("Endpoint", "TrainingJob", "TransformJob", "HyperParameterTuningJob"):
        added[f"{kind}Status"] = "InService" if kind == "Endpoint" else "Completed"
    return added


def _artifact(job: str, asked: dict[str, Any]) -> str:
    return f"{asked['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job}/output/model.tar.gz"


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{re.sub('(?<!^)(?=[A-Z])', '-', kind).lower()}/{name}"


def _key(uri: str) -> str:
    return uri.removeprefix("s3://")


def _refusal(code: str, message: str) -> Answer:
    return Answer(json.dumps({"__type": code, "message": message}).encode(), status=400)


def _identity() -> Answer:
    fields = f"<Arn>arn:aws:iam::{ACCOUNT}:user/anyone</Arn><UserId>1</UserId><Account>{ACCOUNT}</Account>"
    result = f"<GetCallerIdentityResult>{fields}</GetCallerIdentityResult>"
    return Answer(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>".encode(), "text/xml")
