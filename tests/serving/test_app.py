"""Pages of other origins, and the description of the routes."""

import pytest

from tests.serving.conftest import Start
from tests.serving.running_server import RunningServer

ORIGIN = "https://charts.example"


@pytest.fixture(scope="module")
def preflight() -> dict[str, str]:
    return {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def test_no_origin_is_allowed_unless_it_is_a_setting(server: RunningServer, preflight: dict[str, str]) -> None:
    assert server.request("OPTIONS", "/invocations", headers=preflight).status_code == 405
    response = server.post("/invocations", headers={"Origin": ORIGIN})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


def test_a_page_of_an_allowed_origin_may_post_csv_and_json(start: Start, preflight: dict[str, str]) -> None:
    server = start({"FORECASTLE_CORS_ORIGINS": f"https://other.example, {ORIGIN}"}).await_ready()
    asked = server.request("OPTIONS", "/invocations", headers=preflight)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "content-type" in asked.headers["access-control-allow-headers"].lower()
    for body, content_type in ((b"1,2\n", "text/csv"), (b'{"rows": [[1, 2]]}', "application/json")):
        response = server.post("/invocations", body, content_type, headers={"Origin": ORIGIN})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, ORIGIN)
    # A page must be able to read errors too.
    refused = server.post("/invocations", b"", headers={"Origin": ORIGIN})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, ORIGIN)
    assert "x-request-id" in refused.headers["access-control-expose-headers"].lower()
    stranger = server.request("OPTIONS", "/invocations", headers=preflight | {"Origin": "https://evil.example"})
    assert stranger.status_code == 400
    assert "access-control-allow-origin" not in stranger.headers


def test_any_origin_is_allowed_by_a_star(start: Start, preflight: dict[str, str]) -> None:
    server = start({"FORECASTLE_CORS_ORIGINS": "*"}).await_ready()
    response = server.request("OPTIONS", "/invocations", headers=preflight)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")


def test_openapi_describes_every_route_that_answers(server: RunningServer) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    assert set(paths["/invocations"]["post"]["requestBody"]["content"]) == {"text/csv", "application/json"}
    everywhere = {"400", "408", "431", "500", "503"}
    assert set(paths["/invocations"]["post"]["responses"]) == {"200", "406", "413", "415"} | everywhere
    assert set(paths["/endpoints/{name}/invocations"]["post"]["responses"]) == {"200", "404", "424"} | everywhere
    for stream in ("", "-response-stream"):
        responses = paths[f"/endpoints/{{name}}/invocations{stream}"]["post"]["responses"]
        assert set(responses["424"]["content"]) == {"application/json"}
    assert set(responses["200"]["content"]) == {"application/vnd.amazon.eventstream"}
    assert set(paths["/ping"]) == {"get", "post"}
    for operations in paths.values():  # no body is left without a word on what it looks like
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            content = [each for body in bodies for each in body.get("content", {}).items()]
            assert all(media["schema"] or media_type == "*/*" for media_type, media in content)  # */*: any of a file's
    for path, operations in paths.items():
        for method in operations:
            answer = server.request(method.upper(), path.replace("{name}", "any"), content=b"1,2\n")
            assert str(answer.status_code) in operations[method]["responses"], path


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect", "/invocations/"])
def test_nothing_else_is_there(server: RunningServer, path: str) -> None:
    assert server.get(path).status_code == 404
