"""The document at /openapi.json, while models are loaded and unloaded."""

from typing import Any

from tests.serving.conftest import Write
from tests.serving.running_server import RunningServer


def test_the_document_describes_the_models_that_are_loaded_now(several: RunningServer, write: Write) -> None:
    def bodies() -> dict[str, Any]:
        operation = several.get("/openapi.json").json()["paths"]["/models/{name}/invoke"]["post"]
        content: dict[str, Any] = operation["requestBody"]["content"]
        return content

    assert set(bodies()) == {"*/*"}
    several.load("any", write())
    assert set(bodies()) == {"text/csv", "application/json"}
    assert bodies()["text/csv"]["example"] == "1,2,3\n4,5,6\n"
    several.unload("any")
    assert set(bodies()) == {"*/*"}


def test_requests_for_the_document_have_their_path_in_the_metrics(several: RunningServer) -> None:
    several.get("/openapi.json")
    assert 'forecastle_requests_total{path="/openapi.json",status="200"}' in several.get("/metrics").text


def test_a_body_of_any_type_is_not_described_as_text(several: RunningServer) -> None:
    """A page's example may be JSON, which validators parse."""
    answered = several.get("/openapi.json").json()["paths"]["/page/example"]["get"]["responses"]["200"]
    assert answered["content"] == {"*/*": {"schema": {}}}
