"""DeepAR beside its peers: GluonTS' predictors on MXNet and on PyTorch, gluonts.shell and GluonTS' own training loop.

    python -m benchmarks.deepar [--json] [--runs 5] [--only one,many,torch,http,shell,threads,memory,train]

Needs the extra `mxnet`, and what `shell` and `torch` name where they are missing. Medians of several runs, theirs and
ours in turn, one thread; two-hour steps, context = prediction = 84, 2 × 40 cells, student-T, 100 paths and nine
quantiles; series of 1,000 steps of a real customer. The weights are the same on both sides, but for PyTorch, whose
network is another. Ratios above 1 say how many times faster ours is, but for those called `…_over_…`, which are
quotients of what the two columns say.
"""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gluonts_mxnet
from benchmarks.gluonts_mxnet import Asked
from benchmarks.real_series import ELECTRICITY_START, electricity
from benchmarks.report import Row, report
from benchmarks.server import Client, gluonts_shell, served
from benchmarks.timing import in_turn
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.contract.artifact import write_artifact

LEVELS = [tenth / 10 for tenth in range(1, 10)]
SAMPLES, LENGTH, SERIES = 100, 1_000, 64
ASKED = Asked(freq="2H", context_length=84, prediction_length=84, epochs=3)
JSON = "application/json"

TARGETS = {
    "one_series_vs_mxnet": 90.0,
    "64_series_vs_mxnet": 14.0,
    "one_series_vs_torch": 20.0,
    "http_one_series_over_in_process": 1.5,
    "http_64_series_vs_shell": 12.0,
    "one_thread_over_two_64_series": 1.8,
    "memory_over_mxnet": 0.6,
    "train_vs_mxnet": 1.1,
}


def main() -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "MXNET_OMP_MAX_THREADS": "1"}  # read as MXNet is imported
    report(__doc__, PARTS, TARGETS)


@dataclass(frozen=True, slots=True)
class Trained:
    """One network in two hands."""

    predictor: Any  # GluonTS' own
    network: Network
    seconds: Sequence[float]  # of each epoch of GluonTS' training


@functools.cache
def trained() -> Trained:
    predictor, seconds = gluonts_mxnet.train(customers(), ASKED)
    return Trained(predictor, gluonts_mxnet.network_of(predictor, ASKED), seconds)


@functools.cache
def customers() -> tuple[Series, ...]:
    """Stretches of the real customer, each 1,000 steps long and a while after the one before."""
    load = electricity().astype(np.float32)
    start, shift = np.datetime64(ELECTRICITY_START.replace(" ", "T"), "s"), (len(load) - LENGTH) // SERIES
    return tuple(
        Series(start + np.timedelta64(7200 * first, "s"), load[first : first + LENGTH])
        for first in range(0, SERIES * shift, shift)
    )


def ours(series: Sequence[Series], threads: int = 1, samples: bool = True) -> None:
    network = trained().network
    forecast(network, series, num_samples=SAMPLES, quantiles=LEVELS, seed=0, want_samples=samples, threads=threads)


def theirs(series: Sequence[Series]) -> None:
    gluonts_mxnet.predict(trained().predictor, series, ASKED.freq, SAMPLES, LEVELS)


def one_rows(runs: int) -> Iterator[Row]:
    one = customers()[:1]
    pair = in_turn(lambda: ours(one), lambda: theirs(one), runs)
    yield "one_series_vs_mxnet", "ms", 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio


def many_rows(runs: int) -> Iterator[Row]:
    each = 1e3 / SERIES
    pair = in_turn(lambda: ours(customers()), lambda: theirs(customers()), runs)
    yield f"{SERIES}_series_vs_mxnet", "ms a series", each * pair.ours, each * pair.theirs, pair.ratio


def torch_rows(runs: int) -> Iterator[Row]:
    if missing := absent("torch", "lightning"):
        tell_missing("one_series_vs_torch", missing, "pip install torch==2.13.0 lightning==2.6.6")
        return
    from benchmarks import gluonts_torch

    one, predictor = customers()[:1], gluonts_torch.predictor(ASKED)

    def peer() -> None:
        gluonts_mxnet.predict(predictor, one, ASKED.freq, SAMPLES, LEVELS)

    pair = in_turn(lambda: ours(one), peer, runs)
    yield "one_series_vs_torch", "ms", 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio


def http_rows(runs: int) -> Iterator[Row]:
    one = customers()[:1]
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(Path(folder), DeepARModel(trained().network).artifact())
        with served(Path(folder), threads=1) as (_, port, _):
            client, body = Client(port), request(one)
            pair = in_turn(lambda: ours(one, samples=False), lambda: ask(client, body), 10 * runs)
    what = "ms: in process, over HTTP with JSON both ways"
    yield "http_one_series_over_in_process", what, 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio


def shell_rows(runs: int) -> Iterator[Row]:
    if missing := absent("flask", "waitress"):
        tell_missing(f"http_{SERIES}_series_vs_shell", missing, "pip install 'gluonts[shell]'")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(Path(folder, "ours"), DeepARModel(trained().network).artifact())
        gluonts_mxnet.save(trained().predictor, Path(folder, "theirs"))
        own, peer = served(Path(folder, "ours"), threads=1), gluonts_shell(Path(folder, "theirs"))
        with own as (_, port, _), peer as (_, shell_port, _):
            client, shell = Client(port), Client(shell_port)
            body, shell_body = request(customers()), request(customers(), freq=ASKED.freq)  # the shell asks for it
            pair = in_turn(lambda: ask(client, body), lambda: ask(shell, shell_body), min(runs, 3))
    each = 1e3 / SERIES
    yield f"http_{SERIES}_series_vs_shell", "ms a series", each * pair.ours, each * pair.theirs, pair.ratio


def thread_rows(runs: int) -> Iterator[Row]:
    pair = in_turn(lambda: ours(customers(), threads=2), lambda: ours(customers()), runs)
    each = 1e3 / SERIES
    yield f"one_thread_over_two_{SERIES}_series", "ms a series", each * pair.ours, each * pair.theirs, pair.ratio


def memory_rows(runs: int) -> Iterator[Row]:  # noqa: ARG001
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(Path(folder, "ours"), DeepARModel(trained().network).artifact())
        gluonts_mxnet.save(trained().predictor, Path(folder, "theirs"))
        with served(Path(folder, "ours"), threads=1):
            pass  # so that the kernels are compiled: who compiles holds 100 MiB more, and the image never does
        with served(Path(folder, "ours"), threads=1) as (process, port, _):
            client, body = Client(port), request(customers()[:1])
            for _ in range(1_000):
                ask(client, body)
            status = Path(f"/proc/{process.pid}/status").read_text()
        resident = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024
        command = [sys.executable, "-m", "benchmarks.gluonts_mxnet", "memory", str(Path(folder, "theirs"))]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peer = float(output.split()[-1])
    yield "memory_over_mxnet", "MiB: ours after 1,000 requests, theirs after 20", resident, peer, resident / peer


def train_rows(runs: int) -> Iterator[Row]:
    """Windows a second of the engine mxnet, the first epoch of each left out; `deepar_training` is about the other."""
    from benchmarks.engine_speed import seconds_of_epochs

    windows = ASKED.batch_size * ASKED.batches_per_epoch
    rates = []
    for _ in range(min(runs, 3)):
        own, counts = seconds_of_epochs("mxnet", customers(), ASKED)
        _, peer = gluonts_mxnet.train(customers(), ASKED)
        rates.append((sum(counts[1:]) / sum(own[1:]), windows * len(peer[1:]) / sum(peer[1:])))
    mine, other = np.median(rates, axis=0)
    yield "train_vs_mxnet", "windows a second", mine, other, float(np.median([own / peer for own, peer in rates]))


def request(series: Sequence[Series], **further: str) -> bytes:
    instances = [
        {"start": str(one.start).replace("T", " "), "target": np.round(one.target, 3).tolist()} for one in series
    ]
    configuration = {
        "num_samples": SAMPLES,
        "output_types": ["mean", "quantiles"],
        "quantiles": [str(level) for level in LEVELS],
    }
    return json.dumps({"instances": instances, "configuration": configuration | further}).encode()


def ask(client: Client, body: bytes) -> None:
    status, answer = client.request("POST /invocations", body, JSON)
    assert status == 200, answer[:200]


def absent(*modules: str) -> list[str]:
    return [name for name in modules if importlib.util.find_spec(name) is None]


def tell_missing(key: str, missing: Sequence[str], remedy: str) -> None:
    print(f"{key}: left out, as {' and '.join(missing)} cannot be imported: {remedy}", file=sys.stderr)


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "one": one_rows,
    "many": many_rows,
    "torch": torch_rows,
    "http": http_rows,
    "shell": shell_rows,
    "threads": thread_rows,
    "memory": memory_rows,
    "train": train_rows,
}

if __name__ == "__main__":
    main()
