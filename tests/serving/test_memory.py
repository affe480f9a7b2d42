"""The memory of the server's process."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from forecastle.serving.memory import freeze_live_objects
from tests.serving.running_server import ROOT, TINY_ALGORITHM, write_model

WATCHED_START = """
import gc, os, signal, sys
from forecastle.container.cli import main

def report(phase, info):
    if phase == "start":
        print("visits", len(gc.get_objects()), gc.get_freeze_count(), file=sys.stderr)
    else:
        gc.callbacks.clear()
        os.kill(os.getpid(), signal.SIGTERM)

gc.disable()  # until the command does
gc.callbacks.append(report)
sys.exit(main(["serve"]))
"""


def test_garbage_collections_which_are_off_while_a_server_starts_begin_with_the_freeze() -> None:
    gc.disable()
    try:
        freeze_live_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()


def test_the_first_collection_of_a_server_visits_what_loading_its_model_made_not_what_was_imported(
    tmp_path: Path,
) -> None:
    environ = {
        "FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms"),
        "SAGEMAKER_BASE_DIR": str(write_model(tmp_path)),
        "SAGEMAKER_BIND_TO_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_START],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (visits,) = (line.split() for line in done.stderr.splitlines() if line.startswith("visits"))
    visited, frozen = map(int, visits[1:])
    assert frozen > 100_000
    assert visited < frozen
