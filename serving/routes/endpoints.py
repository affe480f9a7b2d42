"""POST /endpoints/{name}/invocations: POST /invocations in the form that AWS's clients know.

Source: "InvokeEndpoint" and "InvokeEndpointWithResponseStream", AWS's API reference of the SageMaker runtime.
"""

from dataclasses import replace

from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecastle.contract.errors import ENDPOINT_STATUS, NotFound
from forecastle.serving.event_stream import CONTENT_TYPE, payload_parts
from forecastle.serving.exchange import RawHeaders, exchange_of
from forecastle.serving.refusals import ErrorAnswer, Refusals
from forecastle.serving.routes.invocations import CUSTOM_ATTRIBUTES, TARGET_MODEL, Invocations
from forecastle.serving.routes.parameter import Parameter
from forecastle.serving.routes.route import Operation, Route

VARIANT = (b"x-amzn-invoked-production-variant", b"AllTraffic")
MAX_NAME = 63  # characters of an endpoint's name: AWS's limit


class ModelError(BaseModel):
    """The container refused the request, or failed."""

    message: str = Field(alias="Message")
    original_status_code: int = Field(alias="OriginalStatusCode")
    original_message: str = Field(alias="OriginalMessage")
    log_stream_arn: str = Field(alias="LogStreamArn")


class Endpoint:
    """Middleware around POST /invocations that makes it InvokeEndpoint, for an endpoint of any name.

    With `streams` it makes it InvokeEndpointWithResponseStream.
    """

    def __init__(self, app: ASGIApp, streams: bool = False) -> None:
        self.app = app
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).endpoint = _name(scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                await send({**message, "headers": [*(_of_stream(headers) if self.streams else headers), VARIANT]})
            elif self.streams:
                for frame in payload_parts(message["body"]):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            else:
                await send(message)

        if self.streams:
            scope = {**scope, "headers": _of_body(scope["headers"])}
        await self.app(scope, receive, send_on)


def _of_body(headers: RawHeaders) -> RawHeaders:
    """A request's headers with the Accept of the answer's body: the client's own Accept names the event stream."""
    kept = [header for header in headers if header[0] != b"accept"]
    return kept + [(b"accept", value) for name, value in kept if name == b"x-amzn-sagemaker-accept"]


def _of_stream(headers: RawHeaders) -> RawHeaders:
    """An answer's headers as those of an event stream that contains it."""
    return [
        (b"content-type", CONTENT_TYPE.encode("ascii")),
        (b"x-amzn-sagemaker-content-type", dict(headers)[b"content-type"]),
    ]


def model_error(scope: Scope, status: int, sentence: str) -> ErrorAnswer:
    """AWS's ModelError, around the error of the container."""
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    whose = "client" if status < 500 else "server"
    content = ModelError(
        Message=f'Received {whose} error ({status:d}) from primary with message "{sentence}". '
        f"See http://{host}/docs#log for more information.",
        OriginalStatusCode=status,
        OriginalMessage=sentence,
        LogStreamArn=f"arn:aws:logs:local:000000000000:log-group:/aws/sagemaker/Endpoints/{_name(scope)}",
    )
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"ModelError")]
    return ENDPOINT_STATUS, headers, content.model_dump_json(by_alias=True).encode("utf-8")


def _name(scope: Scope) -> str:
    name: str = scope["path_params"]["name"]
    return name[:MAX_NAME]


ENDPOINT_NAME = Parameter("path", "name", limits={"pattern": "^[^/]+$"})
INFERENCE_ID = Parameter("header", "X-Amzn-SageMaker-Inference-Id", default="")
STREAM_ACCEPT = Parameter("header", "X-Amzn-SageMaker-Accept", default="")


def routes(invocations: Invocations, several: bool) -> list[Route]:
    """POST /invocations in both of its AWS forms."""
    parameters = (ENDPOINT_NAME, INFERENCE_ID, CUSTOM_ATTRIBUTES, *((TARGET_MODEL,) if several else ()))
    at_once = Operation(
        "POST",
        "invoke_endpoint",
        "Predict, as InvokeEndpoint does",
        parameters,
        predicts=True,
        errors=(NotFound,),
        wrapped=(ENDPOINT_STATUS, ModelError),
    )
    streamed = replace(
        at_once,
        name="invoke_endpoint_with_response_stream",
        summary="Predict, as InvokeEndpointWithResponseStream does",
        parameters=(*parameters, STREAM_ACCEPT),
        media_type=CONTENT_TYPE,
    )
    path, errors = "/endpoints/{name}/invocations", Middleware(Refusals, form=model_error)
    return [
        Route(path, invocations, [at_once], [errors, Middleware(Endpoint)]),
        Route(f"{path}-response-stream", invocations, [streamed], [errors, Middleware(Endpoint, streams=True)]),
    ]
