"""The dashboard for Grafana: every query names metrics and labels that a server has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer

DASHBOARD = json.loads((Path(__file__).parents[2] / "examples" / "grafana-dashboard.json").read_text())
FUNCTIONS = {"sum", "rate", "histogram_quantile", "by", "label_values", "avg", "max"}
OF_PROMETHEUS = {"instance", "job"}  # labels that the scraper adds


def queries(node: Any = DASHBOARD) -> Iterator[str]:
    """Every query of the panels and variables."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str) and value != "prometheus":
                yield value
            else:
                yield from queries(value)
    elif isinstance(node, list):
        for each in node:
            yield from queries(each)


def names(query: str) -> set[str]:
    """The metrics that a query names."""
    without = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|, instance\)", " ", query)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", without)) - FUNCTIONS


def labels(query: str) -> set[str]:
    """The labels that a query selects or groups by."""
    selected = re.findall(r"(\w+)(?:=~|!=|=)\"", query)
    grouped = [name for group in re.findall(r"by \(([^)]*)\)", query) for name in re.split(r",\s*", group)]
    return {*selected, *grouped}


@pytest.fixture
def samples(start: Start) -> dict[str, set[str]]:
    """The labels of each sample of a server that has answered, queued and refused requests, by the sample's name."""
    server: RunningServer = start(cost=1.0).await_ready()  # too dear for the event loop: it is queued
    assert server.post("/invocations", b"1,2\n3,4\n").status_code == 200
    assert server.post("/invocations", b"x").status_code == 400
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(server.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_query_names_a_metric_and_labels_that_exist(samples: dict[str, set[str]]) -> None:
    found = [*queries()]
    assert len(found) >= len(DASHBOARD["panels"]) >= 8
    for query in found:
        assert names(query), query
        for name in names(query):
            assert name in samples, query
            assert labels(query) - OF_PROMETHEUS <= samples[name], query


def test_every_metric_of_ours_is_on_the_dashboard(samples: dict[str, set[str]]) -> None:
    shown = {name for query in queries() for name in names(query)}
    for name in samples:
        if name.startswith("forecastle_") and not name.endswith("_created"):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert any(each.startswith(base) for each in shown), name


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["description"] and panel["title"] for panel in DASHBOARD["panels"])
