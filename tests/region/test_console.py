"""The console's pages, as a browser asks for them."""

import httpx

from tests.region.endpoints import config, endpoint, model, trained
from tests.region.functions import function, invoke
from tests.region.jobs import create, ended
from tests.region.running_region import RunningRegion

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "none"}


def page(region: RunningRegion, path: str) -> httpx.Response:
    return httpx.get(region.address + path, headers=BROWSER, trust_env=False)


def test_the_overview_has_links_to_jobs_endpoints_and_buckets(region: RunningRegion) -> None:
    uri = trained(region)
    name = endpoint(region, config(region, {"one": (model(region, uri), 1.0)}))
    shown = page(region, "/")
    assert shown.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert f'<a href="/_region/endpoints/{name}">{name}</a></td><td>InService' in shown.text
    assert '<a href="/_region/buckets/data">data</a>' in shown.text
    described = page(region, f"/_region/endpoints/{name}").text
    assert '/docs">open</a>' in described
    assert "&quot;event&quot;:&quot;ready&quot;" in described
    region.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_job_page_has_its_log_and_charts(region: RunningRegion) -> None:
    trained(region)
    definitions = [
        {"Name": "numbers", "Regex": r'"(?:count|min|max|sum)": (\d)'},
        {"Name": "mood", "Regex": "Mood: (.*)"},
    ]
    name = create(region, specification={"MetricDefinitions": definitions})
    ended(region, name)
    shown = page(region, f"/_region/jobs/{name}").text
    assert "<td>Completed</td>" in shown
    assert "Mood: well" in shown
    assert "<td>numbers</td>" in shown
    assert "<polyline" in shown


def test_a_bucket_is_shown_folder_by_folder(region: RunningRegion) -> None:
    s3 = region.client("s3")
    s3.put_object(Bucket="data", Key="look/<script>/a b.txt", Body=b"text")
    assert '<a href="/_region/buckets/data?prefix=look/">look/</a>' in page(region, "/_region/buckets/data").text
    shown = page(region, "/_region/buckets/data?prefix=look/").text
    assert "look/&lt;script&gt;/" in shown
    assert "<script>" not in shown
    inner = page(region, "/_region/buckets/data?prefix=look/%3Cscript%3E/").text
    assert 'href="/data/look/%3Cscript%3E/a%20b.txt"' in inner
    assert page(region, "/data/look/%3Cscript%3E/a%20b.txt").text == "text"


def test_a_function_has_its_log(region: RunningRegion) -> None:
    name = function(region, "def lambda_handler(e, c):\n    print('<b>printed</b>')\n")
    invoke(region, name)
    assert "&lt;b&gt;printed&lt;/b&gt;" in page(region, f"/_region/functions/{name}").text


def test_a_missing_page_is_a_404(region: RunningRegion) -> None:
    for path in ("/_region/jobs/unknown", "/_region/else/x", "/_region/buckets/unknown", "/_region/endpoints/"):
        assert page(region, path).status_code == 404
