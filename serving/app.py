"""The application: its routes, and the middleware around them."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from forecastle.contract.settings import Settings
from forecastle.serving.exchange import Exchanges
from forecastle.serving.loader import Loader
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import Models
from forecastle.serving.queue import Queue
from forecastle.serving.readiness import Readiness
from forecastle.serving.refusals import Refusals, raise_as_ours
from forecastle.serving.routes import document, endpoints, execution_parameters, invocations, open_inference, page, ping
from forecastle.serving.routes import metrics as metrics_text
from forecastle.serving.routes import models as model_calls
from forecastle.serving.routes.bodies import Bodies
from forecastle.serving.routes.invocations import Invocations


class Application(FastAPI):
    """A FastAPI application whose OpenAPI document describes the bodies of the models that are currently loaded."""

    def __init__(
        self, settings: Settings, models: Models, queue: Queue, loader: Loader, metrics: Metrics, readiness: Readiness
    ) -> None:
        release = version("forecastle")
        predict = Invocations(models, queue, settings)
        routes = [  # the most frequent first
            *invocations.routes(predict, models.several),
            *ping.routes(readiness),
            *endpoints.routes(predict, models.several),
            *open_inference.routes(models, readiness, queue, settings, release),
            *execution_parameters.routes(settings),
            *metrics_text.routes(metrics),
            *page.routes(models, settings, release),
            *document.routes(self.openapi),
            *(model_calls.routes(models, loader, settings, predict) if models.several else ()),
        ]
        super().__init__(
            title="forecastle",
            version=release,
            routes=[*routes],
            middleware=[Middleware(Exchanges, metrics=metrics), *_cors(settings), Middleware(Refusals)],
            exception_handlers={HTTPException: raise_as_ours},
            redirect_slashes=False,
            # FastAPI's own document routes would not be logged by their path, and its pages load scripts from a CDN.
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
        )
        self._described = routes
        self._models = models
        self._bodies: Bodies | None = None  # those that `openapi_schema` describes

    def build_middleware_stack(self) -> ASGIApp:
        # FastAPI would add middleware that only its own endpoints need, at a cost to every request.
        return Starlette.build_middleware_stack(self)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, regenerated when the bodies of the loaded models change. Takes up to 0.1 s."""
        bodies = Bodies.of(self._models.all())
        if self.openapi_schema is None or bodies != self._bodies:
            self.openapi_schema, self._bodies = self._generated(bodies), bodies
        return self.openapi_schema

    def _generated(self, bodies: Bodies) -> dict[str, Any]:
        declared = [each for route in self._described for each in route.declared(bodies)]
        described: dict[str, Any] = get_openapi(title=self.title, version=self.version, routes=declared)
        for operations in described["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)  # FastAPI's status for invalid parameters; ours is 400
        for name in ("HTTPValidationError", "ValidationError"):
            described.get("components", {}).get("schemas", {}).pop(name, None)
        return described


def _cors(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins.split(","),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id"],
        )
    ]
