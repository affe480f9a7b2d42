"""The console's pages: jobs with their logs and metrics, endpoints, buckets, functions and APIs."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from forecastle.region.account import ACCOUNT, REGION
from forecastle.region.console.html import Html, clock, curve, heading, link, page, preformatted, table
from forecastle.region.functions.operations import KIND as FUNCTION
from forecastle.region.gateway.apis import KIND as API
from forecastle.region.local_region import LocalRegion
from forecastle.region.metrics.series import Metric
from forecastle.region.objects import Missing
from forecastle.region.sagemaker.endpoints.fleet import GROUP as ENDPOINT_LOGS
from forecastle.region.sagemaker.endpoints.hosting import ENDPOINT
from forecastle.region.sagemaker.training.measures import NAMESPACE
from forecastle.region.sagemaker.training.status import LOG_GROUP as TRAINING_LOGS
from forecastle.region.sagemaker.training.status import TRAINING
from forecastle.region.sagemaker.transform.job import TRANSFORM
from forecastle.region.sagemaker.tuning.job import TUNING
from forecastle.region.wire.exchange import Answer, Request

SHOWN_LINES = 500
SHOWN_OBJECTS = 1000
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Parts = list[Html]


class Console:
    """Renders the pages."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region

    async def answer(self, service: str, request: Request) -> Answer:
        """The page at a path."""
        del service
        status, title, parts = await asyncio.to_thread(self._page, request)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "X-Frame-Options": "DENY",
        }
        return Answer(status, headers, page(title, parts))

    def _page(self, request: Request) -> tuple[int, str, Parts]:
        kinds: dict[str, Callable[[str, Request], Parts | None]] = {
            "jobs": self._job,
            "endpoints": self._endpoint,
            "buckets": self._bucket,
            "functions": self._function,
        }
        _, _, path = request.raw_path.partition("/_region/")
        kind, _, name = path.partition("/")
        if not path:
            return 200, f"{REGION}, account {ACCOUNT}", self._overview()
        parts = kinds[kind](unquote(name), request) if kind in kinds else None
        if parts is None:
            return 404, "Page not found", []
        return 200, unquote(name), parts

    def _overview(self) -> Parts:
        state = self._region.state
        jobs = [
            (
                link(f"/_region/jobs/{each['TrainingJobName']}", each["TrainingJobName"]),
                each["SecondaryStatus"],
                clock(each["CreationTime"]),
                each.get("FailureReason"),
            )
            for each in reversed(state.all(TRAINING.kind))
        ]
        endpoints = [
            (
                link(f"/_region/endpoints/{each['EndpointName']}", each["EndpointName"]),
                each["EndpointStatus"],
                clock(each["CreationTime"]),
                each.get("FailureReason"),
            )
            for each in reversed(state.all(ENDPOINT.kind))
        ]
        others = [
            (each[kind.name], each[kind.status], clock(each["CreationTime"]), each.get("FailureReason"))
            for kind in (TRANSFORM, TUNING)
            for each in reversed(state.all(kind.kind))
        ]
        columns = ("Name", "Status", "Created", "Reason")
        buckets = [(link(f"/_region/buckets/{name}", name),) for name in self._region.objects.buckets()]
        functions = [
            (
                link(f"/_region/functions/{each['FunctionName']}", each["FunctionName"]),
                each["Handler"],
                each["LastModified"],
            )
            for each in state.all(FUNCTION)
        ]
        urls = [
            (api["name"], f"{self._region.address}/restapis/{api['id']}/{stage}/_user_request_{resource['path']}")
            for api in state.all(API)
            for stage, described in api["stages"].items()
            for resource in api["deployments"][described["deploymentId"]]["resources"].values()
            if resource["resourceMethods"]
        ]
        return [
            heading("Training jobs"),
            table(columns, jobs),
            heading("Endpoints"),
            table(columns, endpoints),
            heading("Transform and tuning jobs"),
            table(columns, others),
            heading("Buckets"),
            table(("Name",), buckets),
            heading("Functions"),
            table(("Name", "Handler", "Changed"), functions),
            heading("Invoke URLs"),
            table(("API", "URL"), urls),
        ]

    def _job(self, name: str, request: Request) -> Parts | None:
        del request
        job = self._region.state.get(TRAINING.kind, name)
        if job is None:
            return None
        parameters = sorted(job.get("HyperParameters", {}).items())
        facts = [
            ("Status", job["SecondaryStatus"]),
            ("Reason", job.get("FailureReason")),
            ("Image", job["AlgorithmSpecification"]["TrainingImage"]),
            ("Created", clock(job["CreationTime"])),
            ("Ended", clock(job.get("TrainingEndTime"))),
            ("Model", job.get("ModelArtifacts", {}).get("S3ModelArtifacts")),
        ]
        final = [(each["MetricName"], f"{each['Value']:.6g}") for each in job.get("FinalMetricDataList", [])]
        return [
            table(("", ""), [fact for fact in facts if fact[1]]),
            heading("Hyperparameters"),
            table(("Name", "Value"), parameters),
            heading("Metrics"),
            table(("Name", "Last value"), final),
            *self._curves(name),
            heading("Log"),
            preformatted(self._lines(TRAINING_LOGS, f"{name}/")),
        ]

    def _curves(self, job: str) -> Parts:
        """A chart of each metric with several values."""
        dimensions = {"TrainingJobName": job}
        found = []
        for metric in self._region.series.metrics(NAMESPACE):
            if dict(metric.dimensions) == dimensions:
                points = self._region.series.points(Metric(NAMESPACE, metric.name, dimensions), 0, time.time() + 1)
                if len(points) > 1:
                    found.append(curve(metric.name, [point.value for point in points]))
        return found

    def _endpoint(self, name: str, request: Request) -> Parts | None:
        del request
        record, fleet = self._region.state.get(ENDPOINT.kind, name), self._region.hosting.of(name)
        if record is None:
            return None
        facts = [
            ("Status", record["EndpointStatus"]),
            ("Reason", record.get("FailureReason")),
            ("Configuration", record["EndpointConfigName"]),
        ]
        variants = [
            (
                variant.name,
                variant.weight,
                variant.image,
                *[link(f"{server.url}/docs", "open") for server in variant.servers if server.url],
            )
            for variant in (fleet.variants if fleet is not None else [])
        ]
        return [
            table(("", ""), [fact for fact in facts if fact[1]]),
            heading("Variants"),
            table(("Name", "Weight", "Image", "Page"), variants),
            heading("Log"),
            preformatted(self._lines(ENDPOINT_LOGS + name, "")),
        ]

    def _function(self, name: str, request: Request) -> Parts | None:
        del request
        function = self._region.state.get(FUNCTION, name)
        if function is None:
            return None
        facts = [
            (member, function[member]) for member in ("FunctionArn", "Handler", "Timeout", "MemorySize", "LastModified")
        ]
        return [table(("", ""), facts), heading("Log"), preformatted(self._lines(f"/aws/lambda/{name}", ""))]

    def _bucket(self, name: str, request: Request) -> Parts | None:
        prefix = dict(request.pairs()).get("prefix", "")
        try:
            listed = list(itertools.islice(self._region.objects.sizes(name, prefix), SHOWN_OBJECTS + 1))
        except Missing:
            return None
        folders: list[str] = []
        objects: list[Sequence[object]] = []
        for key, size in listed[:SHOWN_OBJECTS]:
            folder, slash, _ = key[len(prefix) :].partition("/")
            if not slash:
                objects.append((link(f"/{name}/{quote(key)}", key), f"{size:,} bytes"))
            elif folder not in folders:
                folders.append(folder)
        below = [
            (link(f"/_region/buckets/{name}?prefix={quote(f'{prefix}{folder}/')}", f"{prefix}{folder}/"), "")
            for folder in folders
        ]
        more = f"More than {SHOWN_OBJECTS} objects; the first are shown." if len(listed) > SHOWN_OBJECTS else ""
        return [table(("Key", "Size"), [*below, *objects]), Html(f"<p>{more}</p>")]

    def _lines(self, group: str, prefix: str) -> list[str]:
        """The last lines of a log."""
        journal, end = self._region.journal, (2**62, 2**62)
        found = []
        for stream in journal.streams(group, prefix):
            found += journal.events(stream.id, 0, 2**62, end, SHOWN_LINES, newest_first=True)
        found.sort(key=lambda event: (event.at, event.id))
        return [event.message for event in found[-SHOWN_LINES:]]
