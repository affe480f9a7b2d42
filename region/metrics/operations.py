"""CloudWatch's operations on metrics."""

import math
import time
from collections.abc import Sequence
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.metrics.series import Metric, Point
from forecastle.region.wire.paging import first_of
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

MOST_POINTS = 1440
MOST_VALUES = 100_000  # of a datum
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


def get_metric_statistics(region: LocalRegion, request: Request) -> Request:
    period, since, until = request["Period"], request["StartTime"], request["EndTime"]
    _check(since, until, period)
    if (until - since) / period > MOST_POINTS:
        count = math.ceil((until - since) / period)
        sentence = f"You have requested up to {count} datapoints, which exceeds the limit of {MOST_POINTS}."
        raise Refusal("InvalidParameterCombination", sentence)
    metric = Metric(request["Namespace"], request["MetricName"], _dimensions(request))
    points = region.series.points(metric, since, until)
    wanted = request.get("Statistics", [])
    datapoints = [
        {"Timestamp": at, "Unit": values[0].unit} | {name: _statistic(name, values) for name in wanted}
        for at, values in _by_period(points, since, period)
    ]
    return {"Label": request["MetricName"], "Datapoints": datapoints}


def get_metric_data(region: LocalRegion, request: Request) -> Request:
    since, until = request["StartTime"], request["EndTime"]
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results = []
    for query in request["MetricDataQueries"]:
        stat = query.get("MetricStat")
        if stat is None:
            raise Refusal(
                "ValidationError", f"MetricDataQueries {query['Id']}: this region does not support metric math."
            )
        _check(since, until, stat["Period"])
        asked = stat["Metric"]
        if not asked.get("Namespace") or not asked.get("MetricName"):
            sentence = f"MetricDataQueries {query['Id']}: its metric needs a Namespace and a MetricName."
            raise Refusal("ValidationError", sentence)
        metric = Metric(asked["Namespace"], asked["MetricName"], _dimensions(asked))
        found = _by_period(region.series.points(metric, since, until), since, stat["Period"])
        found.sort(key=lambda each: each[0], reverse=newest_first)
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", metric.name),
                "Timestamps": [at for at, _ in found],
                "Values": [_statistic(stat["Stat"], values) for _, values in found],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


def list_metrics(region: LocalRegion, request: Request) -> Request:
    wanted = {each["Name"]: each.get("Value") for each in request.get("Dimensions", [])}
    metrics = [
        {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        }
        for metric in region.series.metrics(request.get("Namespace"), request.get("MetricName"))
        if all(name in metric.dimensions and value in (None, metric.dimensions[name]) for name, value in wanted.items())
    ]
    start = first_of(request.get("NextToken"), "InvalidNextToken")
    answer: Request = {"Metrics": metrics[start : start + 500]}
    return answer | ({"NextToken": str(start + 500)} if start + 500 < len(metrics) else {})


def put_metric_data(region: LocalRegion, request: Request) -> Request:
    data = request.get("MetricData", [])
    checked = [(each, _values(each, f"MetricData.member.{number}")) for number, each in enumerate(data, 1)]
    for each, values in checked:
        metric = Metric(request["Namespace"], each["MetricName"], _dimensions(each))
        region.series.add(metric, values, each.get("Timestamp", time.time()), each.get("Unit", "None"))
    return {}


def _values(datum: Request, place: str) -> list[float]:
    """The values of a datum, each as often as it counts. Raises the refusal of one that has none, or too many."""
    values = datum.get("Values") or ([datum["Value"]] if "Value" in datum else [])
    counts = datum.get("Counts") or [1] * len(values)
    if not values:
        sentence = f"The parameter {place}.Value or {place}.Values is required; this region takes no StatisticValues."
        raise Refusal("MissingRequiredParameterException", sentence)
    if len(counts) != len(values):
        raise Refusal("InvalidParameterValue", f"The parameters {place}.Values and {place}.Counts differ in length.")
    if not all(map(math.isfinite, (*values, *counts))) or not 0 <= sum(counts) <= MOST_VALUES or min(counts) < 0:
        sentence = f"The parameter {place} must have finite values, which count up to {MOST_VALUES} together."
        raise Refusal("InvalidParameterValue", sentence)
    return [value for value, count in zip(values, counts) for _ in range(int(count))]


def _check(since: float, until: float, period: int) -> None:
    if since >= until:
        raise Refusal("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    if period < 1:
        raise Refusal("ValidationError", f"The parameter Period must be at least 1 second, got {period}.")


def _dimensions(request: Request) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in request.get("Dimensions", [])}


def _by_period(points: Sequence[Point], since: float, period: int) -> list[tuple[float, list[Point]]]:
    """The points of each period, by its start; without empty periods."""
    first = since // period * period
    found: dict[float, list[Point]] = {}
    for point in points:
        found.setdefault(first + (point.at - first) // period * period, []).append(point)
    return sorted(found.items())


def _statistic(name: str, points: Sequence[Point]) -> float:
    values = sorted(point.value for point in points)
    if name.startswith("p") and name[1:].replace(".", "").isdigit():
        place = float(name[1:]) / 100 * (len(values) - 1)
        low = math.floor(place)
        return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)
    if name not in STATISTICS:
        raise Refusal(
            "ValidationError", f"Statistic {name}: expected one of {', '.join(STATISTICS)} or a percentile such as p90."
        )
    total = math.fsum(values)
    known = (len(values), total / len(values), total, values[0], values[-1])
    return float(known[STATISTICS.index(name)])
