"""POST /invocations: predictions."""

import functools
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import (
    DeadlineExceeded,
    InvalidData,
    NotAcceptable,
    NotFound,
    NotReady,
    OutOfSpace,
    Overloaded,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from forecastle.contract.media_type import KNOWN, MediaType, negotiate
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.serving.body import read_body
from forecastle.serving.exchange import Exchange, RawHeaders, exchange_of, respond
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.prediction import Call, answer_alone
from forecastle.serving.queue import Queue
from forecastle.serving.routes.parameter import Parameter
from forecastle.serving.routes.route import Operation, Route

SMALL_BYTES = 4096  # a body up to this size may be decoded in the event loop
CHEAP_SECONDS = 0.001  # a prediction up to this cost runs in the event loop: passing it to a thread may take longer
MAX_ATTRIBUTES = 1024  # AWS's limit


class Invocations:
    """Answers requests with a model's predictions."""

    def __init__(self, models: Models, queue: Queue, settings: Settings) -> None:
        self._models = models
        self._queue = queue
        self._threads = queue.threads
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, media_type = await self.answer(scope["headers"], receive, exchange_of(scope))
        await respond(send, 200, [], body, media_type)

    async def answer(
        self, headers: RawHeaders, receive: Receive, exchange: Exchange, model: str | None = None
    ) -> tuple[bytes, str]:
        """The answer to a request, and its media type. Raises a `ForecastleError` if it is refused.

        On a server of several models, `model` or else the client's Target-Model header names the model.
        """
        body = await read_body(receive, headers, self._settings, exchange)
        given = dict(headers)
        # There is no await from here to the queue: the model cannot be unloaded in between.
        held = self._named(model, given) if self._models.several else self._models.only()
        exchange.model = held.name
        batch_types = held.algorithm.batch_types if self._settings.batch else {}
        payload = Payload(body, _content_type(held, given, batch_types), _attributes(given), self._threads)
        accept = b",".join(value for name, value in headers if name == b"accept").decode("latin-1")
        offered = _offered(held, batch_types.get(payload.content_type.essence))
        response_type = _negotiated(accept or self._settings.default_accept, offered)
        if (inference_id := given.get(b"x-amzn-sagemaker-inference-id")) is not None:
            exchange.inference_id = inference_id[:64].decode("latin-1")
        call = Call(held, payload, response_type, exchange.times)
        return await answer_call(call, self._queue, receive, exchange), response_type

    def _named(self, model: str | None, headers: dict[bytes, bytes]) -> HeldModel:
        if model is None and (target := headers.get(b"x-amzn-sagemaker-target-model")) is not None:
            model = target.decode("utf-8", "replace")
        if model is None:
            raise InvalidData(
                place=(Source("X-Amzn-SageMaker-Target-Model"),),
                expected="the name of a model",
                got="none: this server has several (setting SAGEMAKER_MULTI_MODEL); POST to /models/{name}/invoke, or "
                "name one in that header",
            )
        return self._models.named(model)


async def answer_call(call: Call, queue: Queue, receive: Receive, exchange: Exchange) -> bytes:
    """The answer to a call, computed at once or by the queue. Raises what decoding, predicting and encoding raise."""
    content = _answer_at_once(call)
    return await queue.answer(call, receive, exchange.started) if content is None else content


def _answer_at_once(call: Call) -> bytes | None:
    """The answer to a small request with a cheap prediction, computed in the event loop; None leaves it to the queue.

    A request that may have to compile something first goes to the queue, because it would block the loop; so does one
    with attributes, whose cost is unknown.
    """
    if len(call.payload.body) > SMALL_BYTES or call.payload.attributes or not call.is_warm:
        return None
    call.decode()
    if call.cost > CHEAP_SECONDS:
        return None
    return answer_alone(call, threads=1)


def _content_type(held: HeldModel, headers: dict[bytes, bytes], batch_types: Mapping[str, str]) -> MediaType:
    """The body's media type: from the header, or else the default.

    A batch transform without a configured content type sends none or a meaningless one, so there the header counts only
    if it names a known media type.
    """
    require_uncoded(headers)
    header = headers.get(b"content-type", b"").decode("latin-1")
    default = next(iter(batch_types), held.request_types[0])
    if batch_types and not _is_known(header):
        header = default
    media_type = _parsed(header or default)
    if media_type.essence not in held.request_types:
        raise UnsupportedMediaType(
            place=(Source("Content-Type"),),
            expected=f"one of {', '.join(held.request_types)}",
            got=f"{media_type.essence[:40]!r}",
        )
    return media_type


def require_uncoded(headers: Mapping[bytes, bytes]) -> None:
    """Raise `UnsupportedMediaType` if the body is compressed."""
    encoding = headers.get(b"content-encoding", b"").strip().decode("latin-1")
    if encoding.lower() not in ("", "identity"):
        place = (Source("Content-Encoding"),)
        raise UnsupportedMediaType(place=place, expected="none", got=f"{encoding[:40]!r}")


def _offered(held: HeldModel, preferred: str | None) -> tuple[str, ...]:
    """The media types of the answer, `preferred` first."""
    if preferred is None:
        return held.response_types
    return (preferred, *(offer for offer in held.response_types if offer != preferred))


def _attributes(headers: dict[bytes, bytes]) -> str:
    value = headers.get(b"x-amzn-sagemaker-custom-attributes", b"")
    if len(value) > MAX_ATTRIBUTES or not all(32 <= byte < 127 for byte in value):
        raise InvalidData(
            place=(Source("X-Amzn-SageMaker-Custom-Attributes"),),
            expected=f"at most {MAX_ATTRIBUTES} visible ASCII characters",
            got=f"{len(value)} bytes",
        )
    return value.decode("ascii")


@functools.lru_cache(maxsize=256)
def _parsed(content_type: str) -> MediaType:
    return MediaType.parse(content_type)


@functools.lru_cache(maxsize=256)
def _is_known(content_type: str) -> bool:
    try:
        return MediaType.parse(content_type).essence in KNOWN
    except InvalidData:
        return False


@functools.lru_cache(maxsize=256)
def _negotiated(accept: str | None, offered: tuple[str, ...]) -> str:
    return negotiate(accept, offered)


CUSTOM_ATTRIBUTES = Parameter(
    "header",
    "X-Amzn-SageMaker-Custom-Attributes",
    default="",
    limits={"max_length": MAX_ATTRIBUTES, "pattern": "^[ -~]*$"},
)
TARGET_MODEL = Parameter("header", "X-Amzn-SageMaker-Target-Model")  # of a server of several models

PREDICTION_ERRORS = (
    InvalidData,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    NotReady,
    Overloaded,
    DeadlineExceeded,
    OutOfSpace,
)


def routes(invocations: Invocations, several: bool) -> list[Route]:
    """POST /invocations, on a server of one model or of several."""
    operation = Operation(
        "POST",
        "predict",
        "Predict",
        (CUSTOM_ATTRIBUTES, *((TARGET_MODEL,) if several else ())),
        predicts=True,
        errors=(*PREDICTION_ERRORS, *((NotFound,) if several else ())),
    )
    return [Route("/invocations", invocations, [operation])]
