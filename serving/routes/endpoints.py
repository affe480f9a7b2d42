"""POST /endpoints/{name}/invocations: the same answers in the form that AWS's clients know.

Source: "InvokeEndpoint" and "InvokeEndpointWithResponseStream", AWS's API reference of the SageMaker runtime.
"""

import orjson

from forecastle.contract.errors import ENDPOINT_STATUS
from forecastle.serving.asgi import RawHeaders, Receive, Scope, Send, respond
from forecastle.serving.event_stream import CONTENT_TYPE, payload_parts
from forecastle.serving.exchange import Exchange
from forecastle.serving.routes.invocations import Invocations

VARIANT = (b"x-amzn-invoked-production-variant", b"AllTraffic")


class EndpointInvocations:
    """InvokeEndpoint, for an endpoint of any name."""

    def __init__(self, invocations: Invocations) -> None:
        self._invocations = invocations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _open(scope)
        body, media_type = await self._invocations.answer(scope["headers"], receive, exchange)
        await respond(send, 200, [VARIANT], body, media_type)


class EndpointStreams:
    """InvokeEndpointWithResponseStream, for an endpoint of any name."""

    def __init__(self, invocations: Invocations) -> None:
        self._invocations = invocations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _open(scope)
        body, media_type = await self._invocations.answer(
            scope["headers"], receive, exchange, accept_header=b"x-amzn-sagemaker-accept"
        )
        headers = [
            (b"content-type", CONTENT_TYPE.encode("ascii")),
            (b"x-amzn-sagemaker-content-type", media_type.encode("ascii")),
            VARIANT,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for frame in payload_parts(body):
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _open(scope: Scope) -> Exchange:
    exchange: Exchange = scope["exchange"]
    exchange.endpoint = endpoint = scope["path_params"]["name"][:63]  # AWS's limit
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")

    def model_error(status: int, sentence: str) -> tuple[int, RawHeaders, bytes]:
        whose = "client" if status < 500 else "server"
        content = {
            "Message": f'Received {whose} error ({status:d}) from primary with message "{sentence}". '
            f"See http://{host}/docs#log for more information.",
            "OriginalStatusCode": int(status),
            "OriginalMessage": sentence,
            "LogStreamArn": f"arn:aws:logs:local:000000000000:log-group:/aws/sagemaker/Endpoints/{endpoint}",
        }
        headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"ModelError")]
        return ENDPOINT_STATUS, headers, orjson.dumps(content)

    exchange.form = model_error
    return exchange
