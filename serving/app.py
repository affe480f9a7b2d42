"""The application: what is answered at which path."""

import re
from importlib.metadata import version

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from forecastle.contract.settings import Settings
from forecastle.serving.exchange import Exchanges, exchange_of
from forecastle.serving.loader import Loader
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import Models
from forecastle.serving.openapi import describe
from forecastle.serving.queue import Queue
from forecastle.serving.readiness import Readiness
from forecastle.serving.refusals import Refusals, raise_as_ours
from forecastle.serving.routes.endpoints import Endpoint, EndpointStream, model_error
from forecastle.serving.routes.execution_parameters import ExecutionParameters
from forecastle.serving.routes.invocations import Invocations
from forecastle.serving.routes.metrics import MetricsText
from forecastle.serving.routes.models import ModelInvocations, ModelList, OneModel, call_error, invocation_error
from forecastle.serving.routes.page import Page, ToPage
from forecastle.serving.routes.ping import Ping


def build_app(
    settings: Settings, models: Models, queue: Queue, loader: Loader, metrics: Metrics, readiness: Readiness
) -> FastAPI:
    """Put the routes together, the busiest first."""
    # FastAPI's own pages fetch their scripts from elsewhere; ours need nothing but this server.
    app = FastAPI(title="forecastle", version=version("forecastle"), docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    invocations = Invocations(models, queue, settings)
    app.router.routes += [
        _Route("/invocations", invocations, methods=["POST"]),
        _Route("/ping", Ping(readiness), methods=["GET", "POST"]),
        _Route(
            "/endpoints/{name}/invocations",
            invocations,
            methods=["POST"],
            middleware=[Middleware(Refusals, form=model_error), Middleware(Endpoint)],
        ),
        _Route(
            "/endpoints/{name}/invocations-response-stream",
            invocations,
            methods=["POST"],
            middleware=[Middleware(Refusals, form=model_error), Middleware(EndpointStream)],
        ),
        _Route("/execution-parameters", ExecutionParameters(settings), methods=["GET"]),
        _Route("/metrics", MetricsText(metrics), methods=["GET"]),
        _Route("/docs", Page(models, settings, app.version), methods=["GET"]),
        _Route("/", ToPage(), methods=["GET"]),
    ]
    if models.several:
        app.router.routes += [
            _ModelRoute(
                "/models/{name:path}/invoke",
                ModelInvocations(models, invocations),
                methods=["POST"],
                middleware=[Middleware(Refusals, form=invocation_error)],
            ),
            _ModelRoute(
                "/models/{name:path}",
                OneModel(models, loader),
                methods=["GET", "DELETE"],
                middleware=[Middleware(Refusals, form=call_error)],
            ),
            _Route(
                "/models",
                ModelList(models, loader, settings),
                methods=["GET", "POST"],
                middleware=[Middleware(Refusals, form=call_error)],
            ),
        ]
    app.openapi = lambda: describe(app.title, app.version, models)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, raise_as_ours)
    app.add_middleware(Refusals)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins.split(","),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id"],
        )
    app.add_middleware(Exchanges, metrics=metrics)  # added last, so outermost
    return app


class _Route(Route):
    """A route that tells the exchange which it is."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).route = self.path_format
        await super().handle(scope, receive, send)


class _ModelRoute(_Route):
    """A route to a model, in whose name any character may stand."""

    def __init__(self, path: str, endpoint: ASGIApp, methods: list[str], middleware: list[Middleware]) -> None:
        super().__init__(path, endpoint, methods=methods, middleware=middleware)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
