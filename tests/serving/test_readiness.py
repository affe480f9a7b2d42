"""What a server does before GET /ping returns 200, so that no request has to wait for it."""

import itertools
import os
import time
from pathlib import Path

import numpy as np

from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO
from forecastle.formats.recordio_writer import write_dense, write_sparse
from tests.serving.running_server import RunningServer

COMPILATION_SECONDS = 400  # at most, on a busy machine
ROWS = np.array([[0.5, 2.0], [9.0, -3.25]], np.float32)
BODIES = [
    (CSV, b"0.5,2\n9,-3.25\n"),
    (JSON, b'{"instances":[{"features":[0.5,2]},{"features":[9,-3.25]}]}'),
    (JSON, b'{"instances":[{"data":{"features":{"keys":[0,1],"shape":[2],"values":[0.5,2]}}}]}'),
    (JSON, b'{"instances":[{"features":[0.5,2],"more":[0.1234567890123456789]}]}'),
    (JSON_LINES, b'{"features":[0.5,2]}\n{"features":[9,-3.25]}\n'),
    (JSON_LINES, b'{"data":{"features":{"keys":[1],"shape":[2],"values":[2]}}}\n'),
    (RECORDIO, write_dense(ROWS)),
    (RECORDIO, write_dense(ROWS.astype(np.float64))),
    (RECORDIO, write_sparse(ROWS.ravel(), np.array([0, 1, 0, 1]), np.array([2, 4]), 2)),
]


def compiled(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of machine code in the cache, with its size and modification time."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}


def test_with_an_empty_kernel_cache_nothing_is_left_to_compile_once_ping_says_200(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    RandomCutForest(10, 32, random_state=0).fit(rows).save(tmp_path / "model")
    cache = tmp_path / "cache"
    with RunningServer(tmp_path, {"NUMBA_CACHE_DIR": str(cache), "HOME": os.environ["HOME"]}) as server:
        server.await_port()
        assert not compiled(cache)
        deadline = time.monotonic() + COMPILATION_SECONDS
        while server.get("/ping").status_code != 200:
            assert time.monotonic() < deadline, "the server never was ready"
            time.sleep(0.2)
        before = compiled(cache)
        assert before  # or nothing would be known of what is compiled
        accepts, attributes = (JSON, JSON_LINES, RECORDIO), ("", "attribution=true")
        for (media_type, body), accept, asked in itertools.product(BODIES, accepts, attributes):
            headers = {"Accept": accept, "X-Amzn-SageMaker-Custom-Attributes": asked}
            response = server.post("/invocations", body, media_type, headers=headers)
            assert response.status_code == (406 if asked and accept == RECORDIO else 200), (media_type, accept, asked)
        assert compiled(cache) == before


def test_what_was_answered_before_ping_says_200_is_read_in_the_event_loop(server: RunningServer) -> None:
    for body, media_type in ((b"1,2\n", CSV), (b'{"rows": [[1, 2]]}', JSON)):
        for accept in (CSV, JSON):
            name = f"warm-{media_type}-{accept}"
            headers = {"X-Request-Id": name, "Accept": accept}
            assert server.post("/invocations", body, media_type, headers=headers).status_code == 200
            assert "queue_ms" not in server.await_line("request", id=name)
