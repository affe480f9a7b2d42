"""InvokeEndpoint, InvokeEndpointWithResponseStream and InvokeEndpointAsync."""

import asyncio
import uuid
from typing import Any

import httpx

from forecastle.region.account import ACCOUNT, REGION
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, joined, split
from forecastle.region.sagemaker.endpoints.connections import Connections
from forecastle.region.sagemaker.endpoints.fleet import Fleet
from forecastle.region.sagemaker.endpoints.invocation import ask, ask_in_parts, clients
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

ASYNC_SECONDS = 3600.0


class Runtime:
    """The operations and their shared connections."""

    def __init__(self) -> None:
        self._connections = Connections()
        self._client: httpx.AsyncClient | None = None  # for streamed responses
        self._later: set[asyncio.Task[None]] = set()

    async def invoke(self, region: LocalRegion, request: Request) -> Request:
        fleet = _fleet(region, request["EndpointName"])
        variant = fleet.chosen(request.get("TargetVariant"))
        reply = await ask(self._connections, region, fleet, variant, request)
        return {
            "Body": reply.body,
            "ContentType": reply.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": reply.custom_attributes,
        }

    async def invoke_with_stream(self, region: LocalRegion, request: Request) -> Request:
        fleet = _fleet(region, request["EndpointName"])
        variant = fleet.chosen(request.get("TargetVariant"))
        parts, reply = await ask_in_parts(self._streams(), self._connections, region, fleet, variant, request)
        return {
            "Body": parts,
            "ContentType": reply.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": reply.custom_attributes,
        }

    async def invoke_later(self, region: LocalRegion, request: Request) -> Request:
        fleet = _fleet(region, request["EndpointName"])
        config = fleet.config.get("AsyncInferenceConfig")
        if config is None:
            raise Refusal("ValidationError", f"Endpoint {fleet.endpoint} is not asynchronous: use InvokeEndpoint.")
        output = config["OutputConfig"]
        default = f"s3://sagemaker-{REGION}-{ACCOUNT}/async-endpoint-outputs/{fleet.endpoint}"
        name = request.get("InferenceId") or str(uuid.uuid4())
        target = joined(output.get("S3OutputPath", default), f"{uuid.uuid4()}.out")
        failure = joined(output["S3FailurePath"], f"{uuid.uuid4()}-error.out") if output.get("S3FailurePath") else None
        task = asyncio.create_task(self._answer_later(region, fleet, request | {"InferenceId": name}, target, failure))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return {"InferenceId": name, "OutputLocation": target, "FailureLocation": failure}

    async def _answer_later(
        self, region: LocalRegion, fleet: Fleet, request: Request, target: str, failure: str | None
    ) -> None:
        seconds = float(request.get("InvocationTimeoutSeconds", ASYNC_SECONDS))
        try:
            body = request.get("Body") or await asyncio.to_thread(region.objects.read, *split(request["InputLocation"]))
            reply = await ask(self._connections, region, fleet, fleet.chosen(None), request | {"Body": body}, seconds)
        except (Refusal, Missing, KeyError) as error:
            region.say(f"endpoint {fleet.endpoint}: asynchronous invocation {request['InferenceId']} failed: {error}")
            if failure is not None:
                await asyncio.to_thread(region.objects.put, *split(failure), str(error).encode(), "text/plain")
            return
        media_type = reply.content_type or "application/octet-stream"
        await asyncio.to_thread(region.objects.put, *split(target), reply.body, media_type)

    def _streams(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = clients()
        return self._client


def _fleet(region: LocalRegion, name: str) -> Fleet:
    fleet = region.hosting.of(name)
    if fleet is None:
        raise Refusal("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
    return fleet
