"""The page at / and /docs, and its files below /page."""

import gzip
import json
import re
from pathlib import Path

import pytest

from forecastle.algorithms import available, find
from tests.serving.conftest import Start
from tests.serving.running_server import ROOT, RunningServer, read_answer, write_model

FOLDER = ROOT / "serving" / "page"
LARGEST_PAGE = 75_000  # bytes that are sent, zipped, with an algorithm's own part
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


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
        "origin": None,
        "hyperparameters": {"depth": "3"},
        "metrics": {"train_loss": 0.25},
        "facts": {"sum": 21.0},
        "request_types": ["text/csv", "application/json"],
        "response_types": ["application/json", "text/csv"],
        "example": {"content_type": "text/csv", "attributes": ""},
        "script": None,
        "data": {},
    }
    example = server.get("/page/example")
    assert (example.content, example.headers["content-type"]) == (b"1,2,3\n4,5,6\n", "text/csv")


def test_the_page_is_there_before_the_model_is(start: Start) -> None:
    server = start(load_seconds=60).await_port()
    assert content(server.get("/docs").text)["model"] is None
    assert server.get("/page/example").status_code == 404


def test_a_browser_gets_the_page_at_the_root_and_others_are_led_to_it(server: RunningServer) -> None:
    page = server.get("/", headers=BROWSER)
    assert (page.status_code, content(page.text)) == (200, content(server.get("/docs").text))
    response = server.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")


def test_the_page_runs_its_own_scripts_alone(server: RunningServer) -> None:
    response = server.get("/docs")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    scripts = re.findall(r"<script([^>]*)>([^<]*)", response.text)
    assert all("src=" in given or 'type="application/json"' in given for given, _ in scripts)
    assert not re.search(r"<style|\sstyle=|\son\w+=", response.text)


def test_a_name_with_markup_stays_text(several: RunningServer, tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script>"
    assert several.load(name, write_model(tmp_path) / "model").status_code == 200
    page = several.get("/docs").text
    assert name not in page
    model = content(page)["model"]
    assert isinstance(model, dict)
    assert model["name"] == name


def test_an_algorithm_brings_its_part_of_the_page(forest: RunningServer) -> None:
    model = content(forest.get("/docs").text)["model"]
    assert isinstance(model, dict)
    assert model["script"] == "page/algorithms/random_cut_forest/page.js"
    script = forest.get(f"/{model['script']}")
    assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert script.content == (ROOT / "algorithms/random_cut_forest/page/page.js").read_bytes()
    assert model["data"]["columns"] == 2


def test_a_file_is_sent_zipped_and_again_only_if_it_changed(server: RunningServer) -> None:
    body = (FOLDER / "main.js").read_bytes()
    plain = server.get("/page/main.js", headers={"Accept-Encoding": "identity"})
    assert (plain.content, plain.headers.get("content-encoding")) == (body, None)
    with server.connection() as connection:
        connection.sendall(
            b"GET /page/main.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )
        _, headers, zipped = read_answer(connection)
    assert (headers["content-encoding"], gzip.decompress(zipped)) == ("gzip", body)
    again = server.get("/page/main.js", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/none.js",
        "/page/vendor",
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/%2Fetc/passwd",
        "/page/algorithms/random_cut_forest/%2e%2e/model.py",
        "/page/algorithms/random_cut_forest/",
        "/page/algorithms/deepar/page.js",  # which is not loaded
        "/page/a%00b",
    ],
)
def test_no_other_file_is_sent(forest: RunningServer, path: str) -> None:
    with forest.connection() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        status, _, body = read_answer(connection)
    assert status == 404, body


@pytest.mark.parametrize("name", available())
def test_the_page_is_small_and_needs_nothing_from_elsewhere(name: str) -> None:
    own = [path for path in FOLDER.rglob("*") if path.is_file()]
    brought = find(name).page_folder
    files = own + ([] if brought is None else [*brought.rglob("*")])
    sent = [path for path in files if path.name != "LICENSE"]
    assert sum(len(gzip.compress(path.read_bytes())) for path in sent) < LARGEST_PAGE
    for path in sent:
        elsewhere = set(re.findall(r"https?://[\w.-]+", path.read_text("utf-8")))
        assert elsewhere <= {"http://www.w3.org", "https://github.com"}, path  # SVG's name; uPlot's, in a comment
        assert "innerHTML" not in path.read_text("utf-8") or "vendor" in path.parts
