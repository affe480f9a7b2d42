"""One request to a model server, and its result in SageMaker's terms."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.endpoints.connections import Connections, Gone
from forecastle.region.sagemaker.endpoints.fleet import GROUP, Fleet, Variant
from forecastle.region.sagemaker.endpoints.model_loading import loaded
from forecastle.region.sagemaker.serving import ModelServer
from forecastle.region.wire.refusal import Refusal

SECONDS = 60.0
FORWARDED = {
    "ContentType": "content-type",
    "Accept": "accept",
    "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
    "InferenceId": "x-amzn-sagemaker-inference-id",
    "SessionId": "x-amzn-sagemaker-session-id",
    "TargetModel": "x-amzn-sagemaker-target-model",
    "TargetVariant": "x-amzn-sagemaker-target-variant",
}
STATUS, SERVER_FAULT = 424, 500


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reply:
    """The response of a variant's last container."""

    body: bytes
    content_type: str | None
    custom_attributes: str | None


def clients() -> httpx.AsyncClient:
    """A client for streamed responses of model servers."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
    return httpx.AsyncClient(timeout=SECONDS, trust_env=False, limits=limits)


async def ask(
    connections: Connections,
    region: LocalRegion,
    fleet: Fleet,
    variant: Variant,
    request: Mapping[str, Any],
    seconds: float = SECONDS,
) -> Reply:
    """Send a request through the containers of a variant. Raises SageMaker's ModelError."""
    body, headers = request.get("Body", b""), _headers(request)
    for index, server in enumerate(variant.servers):
        url = await _url(region, server, request)
        try:
            answer = await connections.post(url, body, headers, seconds)
        except TimeoutError:
            raise _error(
                fleet, variant, 0, f"Your invocation timed out while waiting for a response from container {index + 1}"
            ) from None
        except Gone as error:
            raise _error(fleet, variant, 0, f"the container closed the connection ({error})") from None
        if answer.status >= 400:
            raise _error(fleet, variant, answer.status, answer.text)
        body, media_type = answer.body, answer.headers.get("content-type")
        headers |= {"content-type": media_type or "application/octet-stream"}
    return Reply(body, media_type, answer.headers.get(FORWARDED["CustomAttributes"]))


async def ask_in_parts(
    client: httpx.AsyncClient,
    connections: Connections,
    region: LocalRegion,
    fleet: Fleet,
    variant: Variant,
    request: Mapping[str, Any],
) -> tuple[AsyncIterator[bytes], Reply]:
    """Like `ask`, with the response in parts, as the container sends it."""
    if len(variant.servers) > 1:
        reply = await ask(connections, region, fleet, variant, request)
        return _whole(reply.body), reply
    url = await _url(region, variant.servers[0], request)
    sent = client.build_request(
        "POST", url, content=request.get("Body", b""), headers=_headers(request), timeout=SECONDS
    )
    try:
        answer = await client.send(sent, stream=True)
    except httpx.HTTPError as error:
        raise _error(fleet, variant, 0, f"the container closed the connection ({type(error).__name__})") from None
    if answer.status_code >= 400:
        await answer.aread()
        raise _error(fleet, variant, answer.status_code, answer.text)
    attributes = answer.headers.get(FORWARDED["CustomAttributes"])
    return _parts(answer), Reply(b"", answer.headers.get("content-type"), attributes)


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_bytes():
            yield part
    finally:
        await answer.aclose()


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _headers(request: Mapping[str, Any]) -> dict[str, str]:
    return {header: request[name] for name, header in FORWARDED.items() if request.get(name) is not None}


async def _url(region: LocalRegion, server: ModelServer, request: Mapping[str, Any]) -> str:
    target = request.get("TargetModel")
    if server.url is None:
        raise Refusal("ServiceUnavailable", "The model server is restarting; try again in a moment.", 503)
    if target is None:
        return f"{server.url}/invocations"
    if not server.several_models:
        raise Refusal("ValidationError", "TargetModel is for multi-model endpoints; this endpoint has one model.")
    name = await asyncio.to_thread(loaded, region, server, target)
    return f"{server.url}/models/{name}/invoke"


def _error(fleet: Fleet, variant: Variant, status: int, reason: str) -> Refusal:
    whose = "client" if 400 <= status < 500 else "server"
    code = status or SERVER_FAULT
    place = f"{GROUP}{fleet.endpoint}"
    sentence = (
        f'Received {whose} error ({code}) from primary with message "{reason}". See the log group {place}, '
        f"streams {variant.name}/, for more information."
    )
    members = {"OriginalStatusCode": code, "OriginalMessage": reason, "LogStreamArn": arn("logs", f"log-group:{place}")}
    return Refusal("ModelError", sentence, STATUS, **members)
