"""GET /ping: whether the server is ready."""

from starlette.types import Receive, Scope, Send

from forecastle.contract.errors import NotReady
from forecastle.serving.exchange import respond
from forecastle.serving.readiness import Readiness
from forecastle.serving.routes.route import Operation, Route


class Ping:
    """200 with an empty body once every worker is ready, 503 until then."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if not self._readiness.has_all():
            raise NotReady("The model is being loaded and warmed up.")
        await respond(send, 200, [], b"")


def routes(readiness: Readiness) -> list[Route]:
    operations = [
        Operation(
            method,
            f"{method.lower()}_ping",
            "Is the server ready?",
            description="The model is loaded and has answered requests of every type.",
            errors=(NotReady,),
        )
        for method in ("GET", "POST")
    ]
    return [Route("/ping", Ping(readiness), operations)]
