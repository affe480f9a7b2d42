"""`forecastle transform` compared with the work itself, one core with two, and files of 10⁸ rows and 20 GB.

    python -m benchmarks.transform [--only in_process,cores,large,wide]

`in_process` compares the verb with a program that reads the same file, predicts it and writes the answers, both in this
process, without their start. `cores` compares two cores with one, less the start of the process. `large` needs 4 GB of
disk below TMPDIR and reports rows, bytes and memory; its file is the taxi example over and over. `wide` needs 22 GB and
reports the same of a file of 20 GB whose rows have 100 columns.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import Row, report
from benchmarks.timing import in_turn, seconds
from forecastle.algorithms import find
from forecastle.algorithms.interface import Payload
from forecastle.container.cli import main
from forecastle.contract.media_type import CSV, JSON_LINES, MediaType
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.loader import load_model
from forecastle.training.job import train_files

TAXI_ROWS = 10_320
ROWS, LARGE_ROWS = 2 * 10**7, 10**8
COLUMNS, WIDE_BYTES = 100, 20 * 10**9
CHUNK = 2**24
# in_process: theirs / ours, so 1 / 1.15; cores: one / two.
TARGETS = {"in_process": 1 / 1.15, "cores": 1.8}


@contextmanager
def _files(rows: int) -> Iterator[tuple[Path, Path]]:
    """A model of the taxi example, and so many of its rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        example = find("random_cut_forest").example_folder / "input" / "data" / "train"
        with open(os.devnull, "w") as log:
            train_files("random_cut_forest", example, folder / "model", {"num_trees": "50", "seed": "7"}, log, {})
        taxi = (example / "taxi.csv").read_bytes()
        with open(folder / "rows.csv", "wb") as file:
            for _ in range(rows // TAXI_ROWS):
                file.write(taxi)
        yield folder / "model", folder / "rows.csv"


def _in_process(runs: int) -> Iterator[Row]:
    with _files(ROWS) as (folder, data):
        threads = available_cores()
        held = load_model(folder, threads, Settings.from_environ({}))
        payload = Payload(b"", MediaType.parse(CSV), threads=threads)

        def work() -> None:
            with open(data, "rb") as file, open(data.with_suffix(".work"), "wb") as out:
                rest = b""
                while chunk := file.read(CHUNK):
                    end = chunk.rfind(b"\n") + 1
                    request = held.model.decode(replace(payload, body=rest + chunk[:end]))
                    rest = chunk[end:]
                    (prediction,) = held.model.predict([request], threads)
                    out.write(held.model.encode(prediction, JSON_LINES))

        def verb() -> None:
            assert main(["transform", "--model", str(folder), "--data", str(data)]) == 0

        pair = in_turn(verb, work, runs)
        assert data.with_suffix(".work").read_bytes() == data.with_name("rows.csv.out").read_bytes()
        yield "in_process", f"{ROWS:,} rows, seconds", pair.ours, pair.theirs, pair.ratio


def _cores(runs: int) -> Iterator[Row]:
    cores = sorted(os.sched_getaffinity(0))[:2]
    with _files(ROWS) as (model, data), _files(TAXI_ROWS) as (_, few):
        for count in (1, 2):  # so that the times below are of a warm cache
            _verb(cores[:count], model, few)
        start = min(seconds(lambda: _verb(cores, model, few)) for _ in range(3))
        pair = in_turn(lambda: _verb(cores, model, data), lambda: _verb(cores[:1], model, data), runs)
        two, one = pair.ours - start, pair.theirs - start
        yield "cores", f"{ROWS:,} rows, two cores and one, seconds less {start:.1f} to start", two, one, one / two


def _large(runs: int) -> Iterator[Row]:
    del runs
    with _files(LARGE_ROWS) as (model, data):
        yield from _once("large", model, data, LARGE_ROWS // TAXI_ROWS * TAXI_ROWS)


def _wide(runs: int) -> Iterator[Row]:
    del runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        rows = np.random.default_rng(7).normal(size=(TAXI_ROWS, COLUMNS))
        np.savetxt(folder / "train" / "rows.csv", rows, fmt="%.4f", delimiter=",")
        with open(os.devnull, "w") as log:
            train_files("random_cut_forest", folder / "train", folder / "model", {"seed": "7"}, log, {})
        content = (folder / "train" / "rows.csv").read_bytes()
        copies = WIDE_BYTES // len(content) + 1
        with open(folder / "rows.csv", "wb") as file:
            for _ in range(copies):
                file.write(content)
        yield from _once("wide", folder / "model", folder / "rows.csv", copies * TAXI_ROWS)


def _once(key: str, model: Path, data: Path, rows: int) -> Iterator[Row]:
    """What one run of the verb takes; the memory is that of the largest process so far."""
    size = data.stat().st_size
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    _verb(sorted(os.sched_getaffinity(0)), model, data)
    passed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    answers = data.with_name("rows.csv.out")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    yield f"{key} rows", "million rows a second", rows / passed / 1e6, 0, 0
    yield f"{key} bytes", "MB a second read; written", size / passed / 1e6, answers.stat().st_size / passed / 1e6, 0
    yield f"{key} time", "seconds; processor seconds", passed, busy, 0
    yield f"{key} memory", "MiB at the most", after.ru_maxrss / 1024, 0, 0


def _verb(cores: Sequence[int], model: Path, data: Path) -> None:
    command = [
        shutil.which("taskset") or "taskset",
        "-c",
        ",".join(map(str, cores)),
        sys.executable,
        "-m",
        "forecastle",
    ]
    subprocess.run([*command, "transform", "--model", model, "--data", data], check=True, capture_output=True)


if __name__ == "__main__":
    report(__doc__, {"in_process": _in_process, "cores": _cores, "large": _large, "wide": _wide}, TARGETS)
