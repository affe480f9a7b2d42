"""DeepAR's training beside its peers: GluonTS' own loops on MXNet and on PyTorch, and our engine mxnet.

    python -m benchmarks.deepar_training [--json] [--runs 5] [--only mx,engine,torch,threads,memory,linear,losses,job]

The problem is that of SageMaker's electricity notebook: two-hour steps, context = prediction = 84, batches of 64,
student-T, 2 × 40 cells, 370 generated series of 2,916 steps. Each training is a process on one core; they do their
epochs in turn, the first of which is not counted; medians of several turns. A second is one of the processor's time, so
that other work does not count; for `threads`, which wants a quiet machine, it is one that passed. `torch` needs an
interpreter that has torch 2.13, lightning 2.6, scipy and gluonts 0.17, which the variable TORCH_PYTHON names. `job` is
the whole of the notebook's job, through `forecastle train` on all cores, its epochs 400, or what JOB_EPOCHS says;
next to it is what SageMaker's log reports for the real data, on 8 vCPUs. Ratios above 1 say how many times faster ours
is, but for those called `…_over_…`, which are quotients of what the two columns say.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.contender import THREADS, Problem, contenders, memory
from benchmarks.electricity_shaped import customers, write_job
from benchmarks.report import Row, report

PROBLEM = Problem()
WITHOUT = Problem(zoneout=0.0)
BATCHES = 200  # whose losses are compared

TARGETS = {
    "windows_per_s_vs_gluonts_mx": 8.0,
    "windows_per_s_vs_gluonts_torch": 1.7,
    "one_core_over_two": 1.7,
    "losses_over_1e-3": 1.0,
    "memory_over_150_mib": 1.0,
}


def main() -> None:
    os.environ |= dict.fromkeys(THREADS, "1")
    report(__doc__, PARTS, TARGETS)


def mx_rows(runs: int) -> Iterator[Row]:
    yield _beside("windows_per_s_vs_gluonts_mx", ("native", PROBLEM), ("gluonts.mx", PROBLEM), runs)


def engine_rows(runs: int) -> Iterator[Row]:
    yield _beside("windows_per_s_vs_engine_mxnet", ("native", PROBLEM), ("mxnet", PROBLEM), runs)


def torch_rows(runs: int) -> Iterator[Row]:
    key, python = "windows_per_s_vs_gluonts_torch", os.environ.get("TORCH_PYTHON", "")
    if not python:
        print(f"{key}: left out, as the variable TORCH_PYTHON names no interpreter that has torch", file=sys.stderr)
        return
    yield _beside(key, ("native", WITHOUT), ("gluonts.torch", WITHOUT), runs, python)


def thread_rows(runs: int) -> Iterator[Row]:
    if len(os.sched_getaffinity(0)) < 2:
        print("one_core_over_two: left out, as there is one core only", file=sys.stderr)
        return
    two = ("native", replace(PROBLEM, cores=2))
    yield _beside("one_core_over_two", two, ("native", PROBLEM), runs, clock="passed")


def memory_rows(runs: int) -> Iterator[Row]:
    _compile()
    with contenders(("native", PROBLEM)) as (ours,):
        most = max(ours.epoch()["more_mib"] for _ in range(10 * runs))
    yield "memory_over_150_mib", "MiB at the most, beyond imports and series", most, 150.0, most / 150


def linear_rows(runs: int) -> Iterator[Row]:
    """Time of a window; `theirs` is the base's, times as many steps and as many weights as there are."""
    problems = {f"time_over_linear_batch_{size}": replace(PROBLEM, batch_size=size) for size in (32, 128)}
    problems |= {f"time_over_linear_cells_{cells}": replace(PROBLEM, cells=cells) for cells in (20, 80)}
    problems |= {
        f"time_over_linear_steps_{2 * half}": replace(PROBLEM, context_length=half, prediction_length=half)
        for half in (42, 168)
    }
    with contenders(("native", PROBLEM), *(("native", problem) for problem in problems.values())) as (base, *others):
        rates = np.array([[one.rate() for one in (base, *others)] for _ in range(runs)])  # (runs, problems)
    each = 1e6 / rates
    for column, (key, problem) in enumerate(problems.items(), start=1):
        expected = each[:, 0] * _work(problem) / _work(PROBLEM)
        own, linear = np.median(each[:, column]), np.median(expected)
        yield key, "µs a window: so it is, so it would be", own, linear, float(np.median(each[:, column] / expected))


def loss_rows(runs: int) -> Iterator[Row]:  # noqa: ARG001
    """The largest difference of a batch's mean loss, from the same weights on, without zoneout."""
    from benchmarks.engine_speed import settings_of
    from forecastle.algorithms.deepar.training.train import new_learner
    from forecastle.algorithms.deepar.training.windows import WindowSource

    series = customers()
    settings = settings_of(PROBLEM.asked, series, dropout_rate=0.0)
    source, rng = WindowSource(series, settings), np.random.default_rng(0)
    ours, theirs = (new_learner(name, settings) for name in ("native", "mxnet"))
    weights = theirs.network().arrays()
    state = {f"weight {name}": weight for name, weight in weights.items()} | {"steps": np.array(0)}
    zeros = {
        f"{kind} {name}": np.zeros_like(weight) for kind in ("mean", "variance") for name, weight in weights.items()
    }
    ours.restore(state | zeros)
    drawn = np.concatenate([source.draw(rng) for _ in range(25)])
    differences = []
    for first in range(0, BATCHES * 64, 64):
        windows = source.batch(drawn[first : first + 64])
        own, peer = (
            learner.step(windows, settings.given.learning_rate, 0).mean(dtype=float) for learner in (ours, theirs)
        )
        differences.append(abs(own - peer))
    most = max(differences)
    yield "losses_over_1e-3", f"the most that a loss differs in {BATCHES} batches", most, 1e-3, most / 1e-3


def job_rows(runs: int) -> Iterator[Row]:  # noqa: ARG001
    _compile()
    with tempfile.TemporaryDirectory() as folder:
        write_job(Path(folder), epochs=int(os.environ.get("JOB_EPOCHS", "400")))
        environ = {"SAGEMAKER_BASE_DIR": folder, "FORECASTLE_ALGORITHM": "deepar", "DEEPAR_ENGINE": "native"}
        with Path(folder, "log").open("w+") as log:
            begin = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "forecastle", "train"], env=os.environ | environ, stdout=log
            )
            peak = 0.0
            while process.poll() is None:
                with suppress(OSError, StopIteration):  # it has just ended
                    peak = memory("VmHWM", process.pid)
                time.sleep(0.1)
            took = time.perf_counter() - begin
            log.seek(0)
            text = log.read()
    if process.returncode:
        raise RuntimeError(f"the job ended with {process.returncode}: {text[-2000:]}")
    yield from _of_job(text, took, peak)


def _of_job(log: str, took: float, peak: float) -> Iterator[Row]:
    def numbers(pattern: str) -> list[float]:
        return [float(number) for number in re.findall(pattern, log)]

    windows, times = numbers(r"processed a total of (\d+) examples"), numbers(r'"update.time": \{"sum": ([\d.]+)')
    rate = 1e3 * sum(windows) / sum(times)
    yield "job_s_vs_sagemaker", "s, the test channel included", took, 794.0, 794 / took
    yield "job_windows_per_s_vs_sagemaker", "windows a second in its epochs", rate, 127.0, rate / 127
    figures: Mapping[str, float] = {
        "job_epochs": len(windows),
        "job_peak_mib": peak,
        "job_final_loss": numbers(r"train final_loss <loss>=([\d.e+-]+)")[0],
    }
    scores = {f"job_test_{name}": float(score) for name, score in re.findall(r"test (\w+) <loss>=([\d.e+-]+)", log)}
    for key, value in {**figures, **scores}.items():
        yield key, "as it is", value, value, value


def _compile() -> None:
    """Compile the kernels, if they are not, as they are in the image."""
    subprocess.run(
        [sys.executable, "-c", "from forecastle.algorithms import find; find('deepar').compile()"], check=True
    )


def _beside(
    key: str, ours: tuple[str, Problem], theirs: tuple[str, Problem], runs: int, python: str = "", clock: str = "busy"
) -> Row:
    with contenders(ours, theirs, python=python) as (mine, other):
        rates = [(mine.rate(clock), other.rate(clock)) for _ in range(runs)]
    own, peer = (statistics.median(column) for column in zip(*rates))
    return key, "windows a second", own, peer, statistics.median(mine / other for mine, other in rates)


def _work(problem: Problem) -> float:
    """Steps times the weights of the layers, which are as many as the multiplications of a step."""
    from forecastle.algorithms.deepar.frequency import Frequency

    frequency, cells = Frequency.parse("2H"), problem.cells
    inputs = len(frequency.lags) + len(frequency.features) + 1
    weights = 4 * cells * (inputs + cells) + 4 * cells * (cells + cells)
    return float((problem.context_length + problem.prediction_length) * weights)


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "mx": mx_rows,
    "engine": engine_rows,
    "torch": torch_rows,
    "threads": thread_rows,
    "memory": memory_rows,
    "linear": linear_rows,
    "losses": loss_rows,
    "job": job_rows,
}

if __name__ == "__main__":
    main()
