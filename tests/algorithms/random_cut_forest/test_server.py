"""A running server with a Random Cut Forest, as a client sees it."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel
from forecastle.contract.artifact import write_artifact
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO
from forecastle.formats.recordio_writer import write_dense, write_scores
from tests.algorithms.random_cut_forest.data import forest_of, points
from tests.serving.running_server import RunningServer

ROWS = np.array([[1, 2], [9, -9]], np.float32)
BODIES = {
    CSV: b"1,2\n9,-9\n",
    JSON: b'{"instances":[{"features":[1,2]},{"features":[9,-9]}]}',
    JSON_LINES: b'{"features":[1,2]}\n{"features":[9,-9]}\n',
    RECORDIO: write_dense(ROWS),
}


@pytest.fixture(scope="module")
def transform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server as a batch transform starts it."""
    base = tmp_path_factory.mktemp("batch")
    write_artifact(
        base / "model",
        replace(
            RandomCutForestModel(forest_of(points("gaussian", 200, 2, 0))).artifact(), algorithm="random_cut_forest"
        ),
    )
    with RunningServer(base, {"SAGEMAKER_BATCH": "true"}) as running:
        yield running.await_ready()


@pytest.fixture(scope="module")
def lines(transform: RunningServer) -> bytes:
    """What both rows score, as JSON Lines."""
    return transform.post("/invocations", BODIES[JSON_LINES], JSON_LINES).content


@pytest.mark.parametrize("content_type", [None, "", "csv", "text/csv", "application/octet-stream"])
def test_a_batch_transform_takes_csv_and_gives_json_lines(
    transform: RunningServer, lines: bytes, content_type: str | None
) -> None:
    response = transform.post("/invocations", BODIES[CSV], content_type)
    assert (response.status_code, response.headers["content-type"]) == (200, JSON_LINES)
    assert response.content == lines
    assert len(response.content.splitlines()) == 2


def test_a_batch_transform_answers_in_the_type_that_it_was_asked_in(transform: RunningServer, lines: bytes) -> None:
    scores = [json.loads(line) for line in lines.splitlines()]
    response = transform.post("/invocations", BODIES[JSON], JSON)
    assert (response.headers["content-type"], response.json()) == (JSON, {"scores": scores})
    response = transform.post("/invocations", b'{"features":[1,2]}', JSON)
    assert (response.headers["content-type"], response.json()) == (JSON, {"scores": scores[:1]})
    response = transform.post("/invocations", BODIES[RECORDIO], RECORDIO)
    assert response.headers["content-type"] == RECORDIO
    assert len(response.content) == len(write_scores(np.ones(2, np.float32)))


@pytest.mark.parametrize("content_type", list(BODIES))
def test_scores_come_one_a_line_as_csv(transform: RunningServer, lines: bytes, content_type: str) -> None:
    response = transform.post("/invocations", BODIES[content_type], content_type, headers={"Accept": "text/csv"})
    assert (response.status_code, response.headers["content-type"]) == (200, CSV)
    assert response.text == "".join(f"{json.loads(line)['score']}\n" for line in lines.splitlines())
