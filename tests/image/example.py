"""The jobs and requests of the image's tests: the algorithms' examples, shortened."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from forecastle.algorithms import find
from forecastle.algorithms.interface import Payload
from forecastle.contract.artifact import read_artifact
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats import sequences
from forecastle.formats.recordio_writer import write_dense
from forecastle.formats.sequences import Sequences
from tests.image.container import may_write

ALGORITHMS = ("random_cut_forest", "deepar", "seq2seq")
SHORT = {
    "random_cut_forest": {},
    "deepar": {"epochs": "2", "num_cells": "16"},
    "seq2seq": {"max_num_batches": "4"},
}
WRONG = {
    "random_cut_forest": ("num_trees", "20", "Hyperparameter num_trees must be an integer in [50, 1000]. Got '20'."),
    "deepar": ("epochs", "0", "Hyperparameter epochs must be an integer of at least 1. Got '0'."),
    "seq2seq": ("beam_size", "0", "Hyperparameter beam_size must be an integer in [1, 100]. Got '0'."),
}
SEEDED = '{"num_samples": 50, "output_types": ["mean", "quantiles"], "seed": 7}'  # of DeepAR's JSON Lines
ENVIRON = {"DEEPAR_INFERENCE_CONFIG": SEEDED}


def write_job(tree: Path, algorithm: str, **given: str) -> Path:
    """An /opt/ml with the example's job, writable for any user."""
    shutil.copytree(find(algorithm).example_folder / "input", tree / "input")
    path = tree / "input" / "config" / "hyperparameters.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | SHORT[algorithm] | given))
    for folder in ("model", "output"):
        may_write(tree / folder)
    return tree


def train_here(tree: Path) -> str:
    """The output of the same job outside the image, run by this environment's command."""
    done = subprocess.run(
        [sys.executable, "-m", "forecastle", "train"],
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(tree)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def requests(algorithm: str) -> Iterator[tuple[str, bytes]]:
    """A request in each of the media types that the algorithm reads."""
    path = next(find(algorithm).example_folder.glob("request.*"))
    body = path.read_bytes()
    if algorithm == "deepar":
        document = json.loads(body)
        document["configuration"] = json.loads(SEEDED)
        yield JSON, json.dumps(document).encode()
        yield JSON_LINES, b"".join(json.dumps(each).encode() + b"\n" for each in document["instances"])
        return
    if algorithm == "seq2seq":
        texts = [each["data"] for each in json.loads(body)["instances"]]
        yield JSON, body
        yield JSON_LINES, b"".join(json.dumps({"source": text}).encode() + b"\n" for text in texts)
        yield RECORDIO, sequences.write(source=Sequences.of([[4, 5, 6], [7]]))
        return
    rows = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float32)
    yield CSV, body
    yield JSON, json.dumps({"instances": [{"features": row} for row in rows.tolist()]}).encode()
    yield JSON_LINES, b"".join(json.dumps({"features": row}).encode() + b"\n" for row in rows.tolist())
    yield RECORDIO, write_dense(rows)


def exchanges(algorithm: str) -> list[tuple[str, bytes, str]]:
    """Each request with each media type of its answer: content type, body, accept."""
    return [
        (content_type, body, accept)
        for content_type, body in requests(algorithm)
        for accept in find(algorithm).response_types
    ]


def answers_here(algorithm: str, folder: Path) -> Mapping[tuple[str, str], bytes]:
    """The answers of the model in `folder` outside the image, by content type and accept."""
    model = find(algorithm).load(read_artifact(folder), find(algorithm).settings.from_environ(os.environ))
    answers = {}
    for content_type, body, accept in exchanges(algorithm):
        request = model.decode(Payload(body, MediaType.parse(content_type)))
        (prediction,) = model.predict([request], threads=1)
        answers[content_type, accept] = model.encode(prediction, accept)
    return answers
