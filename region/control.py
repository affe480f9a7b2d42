"""Requests of services other than S3: parsed and validated by AWS's model, passed to the operation's function."""

import asyncio
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from forecastle.region.local_region import LocalRegion
from forecastle.region.operations import OPERATIONS, unknown
from forecastle.region.wire.exchange import Answer, Request
from forecastle.region.wire.models import Models
from forecastle.region.wire.parsing import matched, parse_json, parse_query, parse_rest, specificity
from forecastle.region.wire.refusal import Refusal
from forecastle.region.wire.rendering import (
    refuse_json,
    refuse_query,
    refuse_rest,
    render_json,
    render_query,
    render_rest,
)
from forecastle.region.wire.validation import validate

REST = ("lambda", "apigateway", "sagemaker-runtime")
THREADS = 64  # for operations, and as many for Lambda functions, which may call operations themselves
QUERY = ("sts", "iam")


class Control:
    """The services that have a model of AWS's."""

    def __init__(self, region: LocalRegion, models: Models) -> None:
        self._region = region
        self._models = models
        self._by_path: dict[
            str, list[Any]
        ] = {}  # a service's operations, in the order in which their paths are matched
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="operation")
        self._function_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="invoke")

    async def answer(self, service: str, request: Request) -> Answer:
        """The answer, or the error in the service's own form."""
        protocol = _protocol(service, request)
        try:
            return await self._answer(service, protocol, request)
        except Refusal as refusal:
            if refusal.code == "ValidationException" and (protocol == "query" or service == "sagemaker-runtime"):
                refusal = Refusal("ValidationError", refusal.sentence, refusal.status)  # their name for it
            return _refused(protocol, request, refusal)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            sentence = "This is a bug in the region; its log has the traceback."
            return _refused(protocol, request, Refusal("InternalFailure", sentence, 500))

    async def _answer(self, service: str, protocol: str, request: Request) -> Answer:
        if service not in OPERATIONS:
            raise Refusal("UnknownOperationException", unknown(service, ""))
        model = self._models[service]
        name = self._named(model, protocol, request)
        function = OPERATIONS[service].get(name)
        if function is None:
            code = "InvalidAction" if protocol == "query" else "UnknownOperationException"
            raise Refusal(code, unknown(service, name), 404 if protocol == "rest" else 400)
        operation = model.operation_model(name)
        parse = {"json": parse_json, "query": parse_query, "rest": parse_rest}[protocol]
        parameters = parse(operation, request)
        validate(operation.input_shape, parameters)
        # Most operations wait for the disk, so they run in threads; those that wait for model servers are coroutines.
        if service == "sagemaker-runtime":
            values: dict[str, Any] = await function(self._region, parameters)  # type: ignore[misc]
        else:
            threads = self._function_threads if name == "Invoke" else self._threads
            loop = asyncio.get_running_loop()
            values = await loop.run_in_executor(threads, function, self._region, parameters)  # type: ignore[arg-type]
        if protocol == "query":
            return render_query(operation, values)
        if protocol == "rest":
            return render_rest(operation, values, values.get("_status"))
        return render_json(operation, values, _version(request))

    def _named(self, model: Any, protocol: str, request: Request) -> str:
        if protocol == "json":
            return request.headers["x-amz-target"].rpartition(".")[2]
        if protocol == "query":
            form = dict(request.pairs() + parse_qsl(request.body.decode("utf-8", "replace")))
            return form.get("Action", "")
        if model.service_name not in self._by_path:
            operations = (model.operation_model(name) for name in model.operation_names)
            self._by_path[model.service_name] = sorted(operations, key=specificity)
        for operation in self._by_path[model.service_name]:
            if matched(operation, request) is not None:
                return str(operation.name)
        return f"{request.method} {request.raw_path}"


def _protocol(service: str, request: Request) -> str:
    if "x-amz-target" in request.headers:
        return "json"
    if service in REST:
        return "rest"
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "query" if form or service in (*QUERY, "cloudwatch") else "rest"


def _version(request: Request) -> str:
    return "1.0" if request.headers.get("content-type", "").endswith("1.0") else "1.1"


def _refused(protocol: str, request: Request, refusal: Refusal) -> Answer:
    if protocol == "json":
        return refuse_json(refusal, _version(request))
    return refuse_query(refusal) if protocol == "query" else refuse_rest(refusal)
