"""What the leading host's server answers to the others, by HTTP.

    POST /hosts/{host}             join; the body names the process. 204, or 409 if the name is taken
    GET  /hosts/{host}             204 within a second while all is well: a host that asks no more is lost
    POST /rounds/{number}/{host}   give a part: 200 with the result, or 202 if it is not there yet
    GET  /rounds/{number}/{host}   ask again
    POST /faults/{host}            this host has failed; the body says why
    GET  /end/{host}               200 once the model is written, 202 before

Any of them may answer 503 with the failure of a host, rounds also 410 when the leading host has finished. A request
without the job's token gets 401.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from forecastle.training.hosts.fault import Fault
from forecastle.training.hosts.meeting import GRACE_SECONDS, Failed, Meeting, Over

ALIVE_SECONDS = 1.0  # that a host waits for the answer that all is well
POLL_SECONDS = 20.0  # that it waits for a result until it asks again, as firewalls forget idle connections

Handler = Callable[[Request], Awaitable[Response]]


def app_of(meeting: Meeting, token: str, on_stranger: Callable[[str], None]) -> Starlette:
    """The application; `on_stranger` gets the address of a client without the token."""

    def guarded(handler: Callable[[Request, str], Awaitable[Response]]) -> Handler:
        async def answer(request: Request) -> Response:
            host, given = request.path_params["host"], request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()) or host not in meeting.others:
                on_stranger(request.client.host if request.client else "unknown")
                return PlainTextResponse("this host belongs to another job.\n", HTTPStatus.UNAUTHORIZED)
            try:
                return await handler(request, host)
            except Failed:
                assert meeting.fault is not None
                meeting.leave(host)
                return Response(meeting.fault.as_json(), HTTPStatus.SERVICE_UNAVAILABLE)
            except Over:
                return Response(status_code=HTTPStatus.GONE)
            except TimeoutError:
                return Response(status_code=HTTPStatus.ACCEPTED)

        return answer

    async def join(request: Request, host: str) -> Response:
        accepted = meeting.join(host, (await request.body()).decode("utf-8", "replace"))
        return Response(status_code=HTTPStatus.NO_CONTENT if accepted else HTTPStatus.CONFLICT)

    async def alive(request: Request, host: str) -> Response:
        meeting.hear(host)
        waiting = asyncio.ensure_future(meeting.some_end()), asyncio.ensure_future(_disconnected(request))
        await asyncio.wait(waiting, timeout=ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ended, gone = (each.done() for each in waiting)
        for each in waiting:
            each.cancel()
        if meeting.fault is not None:
            raise Failed
        if gone and not ended:
            meeting.hear(host, GRACE_SECONDS)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def bring(request: Request, host: str) -> Response:
        number = request.path_params["number"]
        await meeting.bring(host, number, await request.body())
        return await ask(request, host)

    async def ask(request: Request, host: str) -> Response:
        del host
        return Response(await asyncio.wait_for(meeting.result(request.path_params["number"]), POLL_SECONDS))

    async def fault(request: Request, host: str) -> Response:
        meeting.leave(host)
        meeting.fail(Fault.from_json(await request.body()) or Fault("other", f"Host {host} failed."))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def end(request: Request, host: str) -> Response:
        del request
        await asyncio.wait_for(meeting.ended(), POLL_SECONDS)
        meeting.leave(host)
        return Response()

    return Starlette(
        routes=[
            Route("/hosts/{host}", guarded(join), methods=["POST"]),
            Route("/hosts/{host}", guarded(alive), methods=["GET"]),
            Route("/rounds/{number:int}/{host}", guarded(bring), methods=["POST"]),
            Route("/rounds/{number:int}/{host}", guarded(ask), methods=["GET"]),
            Route("/faults/{host}", guarded(fault), methods=["POST"]),
            Route("/end/{host}", guarded(end), methods=["GET"]),
        ]
    )


async def _disconnected(request: Request) -> None:
    """Return once the client has closed its connection."""
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await request.receive()
