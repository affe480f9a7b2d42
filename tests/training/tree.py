"""A job's tree for tests, and ways to run the job."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from forecastle.contract.opt_ml import OptMl

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny_algorithm"


def write_job(
    base: Path,
    hyperparameters: Mapping[str, object] | None,
    data: Mapping[str, str | bytes],
    **config: object,
) -> OptMl:
    """A tree below `base` with hyperparameters.json, further files of `config`, and `data` by path."""
    tree = OptMl(base)
    tree.config.mkdir(parents=True, exist_ok=True)
    tree.data.mkdir(parents=True, exist_ok=True)
    if hyperparameters is not None:
        config["hyperparameters"] = hyperparameters
    for name, content in config.items():
        (tree.config / f"{name}.json").write_text(json.dumps(content))
    for path, content in data.items():
        file = tree.data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return tree


def environ_of(tree: OptMl, **more: str) -> dict[str, str]:
    """The environment of a process that trains on the tree and finds the tiny algorithm."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("FORECASTLE_", "SAGEMAKER_"))}
    paths = {"PYTHONPATH": str(REPOSITORY), "FORECASTLE_ALGORITHMS": str(TINY / "algorithms")}
    return given | {"SAGEMAKER_BASE_DIR": str(tree.base)} | paths | more


def run_train(tree: OptMl, *arguments: str, cwd: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """`forecastle train`, as the image runs it."""
    return subprocess.run(
        [sys.executable, "-m", "forecastle", "train", *arguments],
        env=environ_of(tree, **more),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def start_train(tree: OptMl, **more: str) -> "subprocess.Popen[str]":
    """The same, in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "forecastle", "train"],
        env=environ_of(tree, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_times(log: str) -> str:
    """A log with its times and thread ids replaced."""
    log = re.sub(r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d (INFO|WARNING) \d+\]", r"[\1]", log, flags=re.M)
    log = re.sub(r'("(?:StartTime|EndTime)": )\d+\.\d+', r"\1T", log)
    for name in re.findall(r'"(\w+\.?time)": \{', log):
        log = re.sub(
            rf'("{re.escape(name)}": \{{)"sum": [^}}]*\}}', r'\1"sum": T, "count": 1, "min": T, "max": T}', log
        )
    return log
