"""GET /metrics: metrics in Prometheus' text format."""

from starlette.types import Receive, Scope, Send

from forecastle.serving.exchange import respond
from forecastle.serving.metrics import Metrics
from forecastle.serving.routes.route import Operation, Route


class MetricsText:
    """Answers with the metrics of all workers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        body, media_type = self._metrics.text()
        await respond(send, 200, [], body, media_type)


def routes(metrics: Metrics) -> list[Route]:
    operation = Operation("GET", "get_metrics", "Metrics for Prometheus", media_type="text/plain")
    return [Route("/metrics", MetricsText(metrics), [operation])]
