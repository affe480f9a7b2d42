"""GET /execution-parameters: what a batch transform may send."""

import orjson
from starlette.types import Receive, Scope, Send

from forecastle.contract.errors import InvalidJob
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.exchange import respond

MIB = 2**20


class ExecutionParameters:
    """The limits of a batch transform: at most those of the queue and of a body."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await respond(send, 200, [], orjson.dumps(execution_parameters(self._settings)), "application/json")


def execution_parameters(settings: Settings) -> dict[str, object]:
    """The answer to GET /execution-parameters.

    Source: "Use your own inference code with batch transform", AWS's developer guide.
    """
    largest = settings.max_content_length // MIB
    if largest == 0:  # 0 means that there is no limit
        raise InvalidJob(f"Setting MAX_CONTENT_LENGTH must be at least {MIB} for batch transform.")
    return {
        "MaxConcurrentTransforms": min(settings.max_concurrent_transforms or available_cores(), settings.queue),
        "BatchStrategy": settings.batch_strategy,
        "MaxPayloadInMB": min(settings.max_payload_in_mb or largest, largest),
    }
