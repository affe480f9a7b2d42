"""Trainings in separate processes, each of which runs an epoch on request, so that they are measured in turn.

    python -m benchmarks.contender WHO PROBLEM

is such a process. It trains generated customers for ever, says a line of JSON when it is ready and after each epoch,
and goes on when it reads a line. `native` and `mxnet`, our engines, need what forecastle needs; `gluonts.mx` MXNet and
GluonTS; `gluonts.torch` PyTorch, Lightning and GluonTS.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.gluonts_mxnet import Asked

FOR_EVER = 1_000_000  # epochs
AT_LEAST = 2.0  # seconds of each turn
# Read as libraries are imported.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MXNET_OMP_MAX_THREADS")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is learned, by which network, on how many cores."""

    zoneout: float = 0.1
    batch_size: int = 64
    cells: int = 40
    context_length: int = 84
    prediction_length: int = 84
    cores: int = 1

    @property
    def asked(self) -> Asked:
        return Asked(
            freq="2H",
            context_length=self.context_length,
            prediction_length=self.prediction_length,
            epochs=FOR_EVER,
            batch_size=self.batch_size,
            cells=self.cells,
        )


class Contender:
    """A process that trains."""

    def __init__(self, process: "subprocess.Popen[str]", complaints: IO[str]) -> None:
        self._process, self._complaints = process, complaints
        self._told()
        self.epoch()  # the first one compiles, plans and fills caches

    def rate(self, clock: str = "busy") -> float:
        """Windows a second, over whole epochs: of the processor's time, or of `passed`, which other work prolongs."""
        reports = [self.epoch()]
        while sum(epoch[clock] for epoch in reports) < AT_LEAST:
            reports.append(self.epoch())
        return float(sum(epoch["windows"] for epoch in reports) / sum(epoch[clock] for epoch in reports))

    def epoch(self) -> dict[str, Any]:
        """Of one epoch.

        `windows`, `passed` and `busy` seconds, and `more_mib`: the most that it ever held beyond libraries and series.
        """
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries have their say, too
                reports: dict[str, Any] = json.loads(line)
                return reports
        self._complaints.seek(0)
        raise RuntimeError(f"a training ended before its time: {self._complaints.read()[-2000:]}")


@contextmanager
def contenders(*asked: tuple[str, Problem], python: str = "") -> Iterator[list[Contender]]:
    """A contender for each name and problem; `python` runs gluonts.torch. They end when this does."""
    available = sorted(os.sched_getaffinity(0), reverse=True)
    with ExitStack() as stack:
        found = []
        for who, problem in asked:
            complaints = stack.enter_context(tempfile.TemporaryFile("w+"))
            interpreter = python if who == "gluonts.torch" else sys.executable
            process = subprocess.Popen(
                [interpreter, "-m", "benchmarks.contender", who, json.dumps(asdict(problem))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env=os.environ | dict.fromkeys(THREADS, "1"),
                preexec_fn=lambda: os.sched_setaffinity(0, available[: problem.cores]),
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            found.append(Contender(process, complaints))
        yield found


class Turns:
    """A training's side of it."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
        self._resident = memory("VmRSS")
        self._wait({})

    def next(self, windows: int) -> None:
        """Report an epoch and its number of windows, and wait for the next request."""
        passed, busy = (now - then for now, then in zip(_clocks(), self._begin))
        more = memory("VmHWM") - self._resident
        self._wait({"windows": windows, "passed": passed, "busy": busy, "more_mib": more})

    def _wait(self, reports: dict[str, Any]) -> None:
        print(json.dumps(reports), flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self._begin = _clocks()


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def memory(field: str, process: int | str = "self") -> float:
    """`VmRSS`, what a process holds, or `VmHWM`, the most that it ever held, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _train(who: str, problem: Problem) -> None:
    from benchmarks.electricity_shaped import customers

    series, asked = customers(), problem.asked
    windows = asked.batch_size * asked.batches_per_epoch
    if who == "gluonts.mx":
        from benchmarks import gluonts_mxnet

        assert problem.zoneout == 0.1, "its default"
        turns = Turns()
        gluonts_mxnet.train(series, asked, epoch_ended=lambda: turns.next(windows))
    elif who == "gluonts.torch":
        from benchmarks import gluonts_torch

        assert problem.zoneout == 0, "it has none"
        turns = Turns()
        gluonts_torch.train(series, asked, epoch_ended=lambda: turns.next(windows))
    else:
        from benchmarks import engine_speed

        engine_speed.load(who)
        engine_speed.train_on(who, series, asked, problem.zoneout, epoch_ended=Turns().next)


if __name__ == "__main__":
    _train(sys.argv[1], Problem(**json.loads(sys.argv[2])))
