"""The application: its routes, and the middleware around them."""

from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

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


class Application(Starlette):
    """An application whose OpenAPI document describes the bodies of the models that are currently loaded."""

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
            routes=routes,
            middleware=[Middleware(Exchanges, metrics=metrics), *_cors(settings), Middleware(Refusals)],
            exception_handlers={HTTPException: raise_as_ours},
        )
        self.router.redirect_slashes = False
        self._release = release
        self._described = routes
        self._models = models
        self._document: tuple[Bodies, dict[str, Any]] | None = None

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, regenerated when the bodies of the loaded models change.

        Takes up to 0.1 s, and 0.3 s the first time, which imports FastAPI.
        """
        bodies, document = Bodies.of(self._models.all()), self._document
        if document is None or bodies != document[0]:
            self._document = document = bodies, self._generated(bodies)
        return document[1]

    def _generated(self, bodies: Bodies) -> dict[str, Any]:
        from fastapi.openapi.utils import get_openapi

        declared = [each for route in self._described for each in route.declared(bodies)]
        described: dict[str, Any] = get_openapi(title="forecastle", version=self._release, routes=declared)
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
