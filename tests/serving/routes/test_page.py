"""The page at /docs."""

import json
import re

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer


def content(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_the_page_shows_the_model_and_how_to_query_it(server: RunningServer) -> None:
    response = server.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert content(response.text)["model"] == {
        "name": "echo_sum",
        "title": "Echo Sum",
        "hyperparameters": {"depth": "3"},
        "metrics": {"train_loss": 0.25},
        "facts": {"sum": 21.0},
        "request_types": ["text/csv", "application/json"],
        "response_types": ["application/json", "text/csv"],
        "example": {"body": "1,2,3\n4,5,6\n", "content_type": "text/csv", "attributes": ""},
    }


def test_the_page_is_there_before_the_model_is(start: Start) -> None:
    server = start(load_seconds=60).await_port()
    assert content(server.get("/docs").text)["model"] is None


def test_the_page_needs_nothing_from_elsewhere(server: RunningServer) -> None:
    response = server.get("/docs")
    elsewhere = set(re.findall(r"(?:https?:)?//[\w.-]+", re.sub(r"^\s*//.*$", "", response.text, flags=re.MULTILINE)))
    assert elsewhere == {"http://www.w3.org"}  # the name of SVG, which nobody fetches
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_the_root_leads_to_the_page(server: RunningServer) -> None:
    response = server.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")
