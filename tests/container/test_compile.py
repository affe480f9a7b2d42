"""The report on kernels that are compiled, and compiling them in advance."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from forecastle.container.compile_bar import LINE, NOTE, compilation_reported
from forecastle.contract.opt_ml import OptMl
from forecastle.kernels import compiled  # noqa: F401  # reports to COMPILATION
from tests.training.tree import REPOSITORY, TINY, environ_of, write_job

ALGORITHM = """
import numpy as np
from forecastle.algorithms.column_mean.algorithm import ColumnMeanAlgorithm
from forecastle.kernels.compiled import kernel

@kernel
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result

class Compiled(ColumnMeanAlgorithm):
    def fit(self, job):
        total(np.ones(3))
        return super().fit(job)

    def compile(self):
        total(np.ones(3))

ALGORITHM = Compiled()
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def compile_something() -> None:
    """A function without compiled code on disk."""
    assert numba.njit(lambda: 1)() == 1


def test_a_terminal_gets_a_bar_that_disappears_when_all_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with compilation_reported(stream):
        compile_something()
    drawn = stream.getvalue().split("\r\x1b[K")
    assert any(re.search(rf"[━╌]{{30}} +\d+%.*{NOTE}", text) for text in drawn)
    assert drawn[-1] == ""


def test_a_log_gets_one_line_however_many_kernels_there_are() -> None:
    stream = io.StringIO()
    with compilation_reported(stream):
        compile_something()
        compile_something()
    assert stream.getvalue() == LINE + "\n"


def test_what_is_compiled_later_is_not_reported() -> None:
    stream = io.StringIO()
    with compilation_reported(stream):
        pass
    compile_something()
    assert stream.getvalue() == ""


def test_a_closed_stream_does_not_fail_the_command() -> None:
    stream = io.StringIO()
    with compilation_reported(stream):
        stream.close()
        compile_something()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A job whose algorithm has a kernel, and a cache that lacks it."""
    folder = tmp_path / "mine" / "algorithms" / "compiled_mean"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "algorithm.py").write_text(ALGORITHM)
    tree = write_job(tmp_path / "ml", {"shrinkage": "0"}, {"train/a": "1\n2\n"})
    folders = os.pathsep.join(map(str, (folder.parent, TINY / "algorithms")))
    more = {"FORECASTLE_ALGORITHM": "compiled_mean", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    return environ_of(OptMl(tree.base), FORECASTLE_ALGORITHMS=folders, **more)


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "forecastle", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def seconds_left_out(log: str) -> float:
    """The time that a job's totaltime lacks, apart from its start and end."""
    (record,) = (json.loads(line) for line in re.findall(r'#metrics (.*"totaltime".*)', log))
    return float(record["EndTime"] - record["StartTime"] - record["Metrics"]["totaltime"]["sum"] / 1000)


def test_the_first_job_says_that_it_compiles_and_leaves_that_out_of_its_time(environ: dict[str, str]) -> None:
    first, second = run(environ, "train"), run(environ, "train")
    assert first.stderr == LINE + "\n"
    assert second.stderr == ""
    assert re.sub(r"\S*\d\S*", "", first.stdout) == re.sub(r"\S*\d\S*", "", second.stdout)
    assert seconds_left_out(first.stdout) > seconds_left_out(second.stdout)


COMPILE_ONE = """
import os
from forecastle import algorithms
from forecastle.container import compile

algorithms.join(os.environ["FORECASTLE_ALGORITHMS"].split(os.pathsep))
compile.available = lambda: ["compiled_mean"]
compile.compile_all(print)
"""


def test_what_was_compiled_ahead_is_not_compiled_by_a_job(environ: dict[str, str]) -> None:
    ahead = [
        subprocess.run(
            [sys.executable, "-c", COMPILE_ONE], env=environ, capture_output=True, text=True, timeout=120, check=True
        ).stdout
        for _ in range(2)
    ]
    assert re.fullmatch(r"compiled_mean: compiling\ncompiled_mean: compiled in \d+ s\n", ahead[0])
    assert ahead[1] == "compiled_mean: is compiled already\n"
    assert run(environ, "train").stderr == ""


def test_the_verb_compiles_every_algorithm() -> None:
    names = sorted(path.parent.name for path in (REPOSITORY / "algorithms").glob("*/algorithm.py"))
    done = subprocess.run(
        [sys.executable, "-m", "forecastle", "compile"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "".join(f"{name}: is compiled already\n" for name in names)
    assert done.stderr == ""
