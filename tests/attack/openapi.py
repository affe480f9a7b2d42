"""Thousands of requests that schemathesis generates from /openapi.json: `python -m tests.attack.openapi`.

Each algorithm is served alone, and all by name in one server; every answer must be one that the document describes.
`--schemathesis` names the command, as installed from `schemathesis.lock` into its own environment.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.model import Seq2SeqModel
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.tokens import SPECIAL, Words
from forecastle.contract.artifact import write_artifact
from tests.algorithms.deepar.networks import random_network
from tests.serving.running_server import RunningServer

# Left out: positive_data_acceptance, as no schema knows a model's number of columns or categories, and the stateful
# checks, as there is no state but which models are loaded.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
KERNELS = {name: os.environ[name] for name in ("HOME", "NUMBA_CACHE_DIR") if name in os.environ}


def write_forest(folder: Path) -> Path:
    rows = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    RandomCutForest(10, 32, random_state=0).fit(rows).save(folder)
    return folder


def write_network(folder: Path) -> Path:
    write_artifact(folder, replace(DeepARModel(random_network(prediction_length=3)).artifact(), algorithm="deepar"))
    return folder


def write_translator(folder: Path) -> Path:
    words = Words([*SPECIAL, "a", "b", "c"])
    architecture = Architecture(words.size, words.size, rnn_num_hidden=8, num_embed_source=8, num_embed_target=8)
    network = Network.initial(architecture, 1)
    model = Seq2SeqModel(network, words, words, beam_size=2, length_penalty=1.0)
    write_artifact(folder, replace(model.artifact(), algorithm="seq2seq"))
    return folder


MODELS = {"random_cut_forest": write_forest, "deepar": write_network, "seq2seq": write_translator}


@contextmanager
def served(name: str, base: Path) -> Iterator[RunningServer]:
    """A server of the algorithm, or of several models, both loaded."""
    if name in MODELS:
        MODELS[name](base / "model")
    environ = {"SAGEMAKER_MULTI_MODEL": "true"} if name not in MODELS else {}
    with RunningServer(base, KERNELS | environ) as server:
        server.await_ready()
        if name not in MODELS:
            for model, write in MODELS.items():
                assert server.load(model, write(base / model)).status_code == 200
        yield server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemathesis", default="schemathesis", help="the command")
    parser.add_argument("--examples", type=int, default=300, help="made up for each operation")
    parser.add_argument("--only", choices=(*MODELS, "several"))
    arguments = parser.parse_args()
    failed = False
    for name in (arguments.only,) if arguments.only else (*MODELS, "several"):
        with tempfile.TemporaryDirectory() as base, served(name, Path(base)) as server:
            print(f"== {name}", flush=True)
            command = [
                arguments.schemathesis,
                "--config-file",
                str(CONFIGURATION),
                "run",
                f"{server.url}/openapi.json",
                "--checks",
                ",".join(CHECKS),
            ]
            command += ["--max-examples", str(arguments.examples), "--phases", "examples,coverage,fuzzing"]
            command += ["--seed", "1", "--continue-on-failure", "--warnings", "off", "--no-color"]
            failed |= subprocess.run(command, cwd=base, check=False).returncode != 0
            requests = len(server.lines("request"))
            faults = [line for line in server.lines("error") if "traceback" in line]
            stalls = [line for line in server.lines("stall") if line["cpu_ms"] >= 250]
            print(f"== {name}: {requests} requests logged, {len(faults)} faults, {len(stalls)} stalls", flush=True)
            failed |= bool(faults or stalls)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
