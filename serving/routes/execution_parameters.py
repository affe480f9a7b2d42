"""GET /execution-parameters: the limits of a batch transform."""

from typing import Literal

from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from forecastle.contract.errors import InvalidJob
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.exchange import respond
from forecastle.serving.routes.route import Operation, Route

MIB = 2**20


class Parameters(BaseModel):
    """The parameters that batch transform reads."""

    max_concurrent_transforms: int = Field(alias="MaxConcurrentTransforms", ge=1)
    batch_strategy: Literal["SINGLE_RECORD", "MULTI_RECORD"] = Field(alias="BatchStrategy")
    max_payload_in_mb: int = Field(alias="MaxPayloadInMB", ge=1)


class ExecutionParameters:
    """Answers with limits no higher than the server's own for its queue and for a body."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        body = execution_parameters(self._settings).model_dump_json(by_alias=True).encode("ascii")
        await respond(send, 200, [], body, "application/json")


def execution_parameters(settings: Settings) -> Parameters:
    """The answer to GET /execution-parameters.

    Source: "Use your own inference code with batch transform", AWS's developer guide.
    """
    largest = settings.max_content_length // MIB
    if largest == 0:  # batch transform takes 0 as unlimited
        raise InvalidJob(f"Setting MAX_CONTENT_LENGTH must be at least {MIB} for batch transform.")
    return Parameters(
        MaxConcurrentTransforms=min(settings.max_concurrent_transforms or available_cores(), settings.queue),
        BatchStrategy=settings.batch_strategy,
        MaxPayloadInMB=min(settings.max_payload_in_mb or largest, largest),
    )


def routes(settings: Settings) -> list[Route]:
    operation = Operation(
        "GET", "get_execution_parameters", "Limits of a batch transform", answer=Parameters, errors=(InvalidJob,)
    )
    return [Route("/execution-parameters", ExecutionParameters(settings), [operation])]
