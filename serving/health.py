"""GET /ping: whether this server answers; and what batch transform may ask of it."""

import mmap

import orjson

from forecastle.contract.errors import InvalidJob, NotReady
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.asgi import Receive, Scope, Send, respond

MIB = 2**20


class Readiness:
    """One flag for each worker, in memory that they share: set once its model is loaded and warmed up."""

    def __init__(self, workers: int) -> None:
        self._flags = mmap.mmap(-1, workers)

    def set(self, worker: int) -> None:
        self._flags[worker] = 1

    def has(self, worker: int) -> bool:
        return self._flags[worker] == 1

    def has_all(self) -> bool:
        return self._flags.find(b"\0", 0) == -1


class Ping:
    """200 with an empty body as soon as every worker answers, 503 until then."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if not self._readiness.has_all():
            raise NotReady("The model is being loaded and warmed up.")
        await respond(send, 200, [], b"")


class ExecutionParameters:
    """What a batch transform may send: no more than the queue and the limit on bodies take."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await respond(send, 200, [], orjson.dumps(execution_parameters(self._settings)), "application/json")


def execution_parameters(settings: Settings) -> dict[str, object]:
    """The answer to GET /execution-parameters.

    Source: "Use your own inference code with batch transform", AWS's developer guide.
    """
    largest = settings.max_content_length // MIB
    if largest == 0:  # a 0 would promise that there is no limit
        raise InvalidJob(f"Setting MAX_CONTENT_LENGTH must be at least {MIB} for batch transform.")
    return {
        "MaxConcurrentTransforms": min(settings.max_concurrent_transforms or available_cores(), settings.queue),
        "BatchStrategy": settings.batch_strategy,
        "MaxPayloadInMB": min(settings.max_payload_in_mb or largest, largest),
    }
