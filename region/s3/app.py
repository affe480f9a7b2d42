"""S3 as an ASGI application."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from forecastle.region.disk import is_full
from forecastle.region.s3.body import Disconnected, Receive
from forecastle.region.s3.cors import headers_for
from forecastle.region.s3.cors import refusal as cors_refusal
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.operations.copies import check_owner
from forecastle.region.s3.operations.objects import check_version
from forecastle.region.s3.presigned import check_expiry
from forecastle.region.s3.request import Request, request_of
from forecastle.region.s3.response import Marks, Response, Send, answer, refusal
from forecastle.region.s3.routes import operation
from forecastle.region.s3.service import Service
from forecastle.region.s3.store import Store

DRAINED = 8 << 20  # bytes of a body that are still read after its request is refused


class S3:
    """S3 over a store in a folder. Any access keys are accepted; signatures are not checked.

    Parameters
    ----------
    folder : the store's folder, or a `Store` that is shared.
    account : the owner of all buckets, for x-amz-expected-bucket-owner.
    region : the default region of buckets.
    clock : seconds since 1970.
    strict_origins : whether requests of web pages are refused that no CORS rule of the bucket allows. AWS answers them,
        for browsers to withhold the response from the page.
    """

    def __init__(
        self,
        folder: Path | Store,
        *,
        account: str = "123456789012",
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
        strict_origins: bool = False,
    ) -> None:
        self._strict_origins = strict_origins
        self.store = folder if isinstance(folder, Store) else Store(folder, clock=clock)
        self.service = Service(self.store, account, region)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)

    def close(self) -> None:
        """Wait for running threads and close the store."""
        self.service.close()

    async def _exchange(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        marks, request = Marks.new(), None
        cors: Mapping[str, str] | None = None
        try:
            try:
                request = request_of(scope, receive)
                if "origin" in request.headers:
                    cors = await self.service.run(headers_for, self.store, request)
                    if cors is None and (self._strict_origins or request.method == "OPTIONS"):
                        raise await self.service.run(cors_refusal, self.store, request)
                response = Response() if cors and request.method == "OPTIONS" else await self._respond(request)
            except S3Error as error:
                response = refusal(error, marks)
            except Disconnected:
                return
            except Exception as error:
                response = refusal(_internal(error), marks)
            if request is not None and request.body.awaited:
                # The client does not send its body then, and the server would take the next request for it.
                response = replace(response, headers={**response.headers, "connection": "close"})
            elif request is not None and response.status >= 300:
                await request.body.drain(DRAINED)
        except Disconnected:
            return
        if cors:
            response = replace(response, headers={**response.headers, **cors})
        bodiless = scope["method"] == "HEAD"
        await answer(response, marks, send, self.service.run, bodiless=bodiless)

    async def _respond(self, request: Request) -> Response:
        check_expiry(request.query, self.store.clock())
        check_owner(self.service, request.headers.get("x-amz-expected-bucket-owner"))
        check_version(request)
        return await operation(request)(self.service, request)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                self.close()
                return


def _internal(error: Exception) -> S3Error:
    """An unexpected error: a full disk, or a bug, whose traceback is logged."""
    if is_full(error):
        print(f"s3: the store cannot write; its disk may be full: {error}", file=sys.stderr, flush=True)
        return S3Error("InternalError", f"The store cannot write; its disk may be full: {error}.")
    traceback.print_exc(file=sys.stderr)
    return S3Error("InternalError")
