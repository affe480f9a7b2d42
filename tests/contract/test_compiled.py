"""Compiled kernels."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from contract.compiled import inlined, kernel

MODULE = """
import numpy as np
from contract.compiled import kernel

@kernel
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result

print(total(np.arange(4.0)))
"""


@inlined
def _square(x: float) -> float:
    return x * x


@kernel
def _sum_of_squares(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    total = 0.0
    for value in values:
        total += _square(value)
    return total


def test_a_kernel_computes_what_its_function_does() -> None:
    assert _sum_of_squares(np.arange(4.0)) == 14.0


def test_division_by_zero_is_numpys() -> None:
    @kernel
    def quotient(a: float, b: float) -> float:
        return a / b

    assert quotient(1.0, 0.0) == np.inf


def run_kernel(folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, str(folder / "module.py")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout


def test_machine_code_is_kept_in_the_folder_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    assert run_kernel(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "6.0\n"
    assert list((tmp_path / "cache").rglob("*.nbc"))


def test_where_no_folder_can_be_written_a_kernel_is_compiled_in_memory(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "__pycache__").touch()  # a file: no folder can be made here, even by root
    nowhere = str(tmp_path / "__pycache__" / "below")
    assert run_kernel(tmp_path, NUMBA_CACHE_DIR="", HOME=nowhere, XDG_CACHE_HOME=nowhere) == "6.0\n"


def test_code_is_compiled_anew_when_a_kernel_it_calls_was_changed(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from contract.compiled import kernel\n@kernel\ndef one():\n    return 1\n")
    (tmp_path / "module.py").write_text(
        "import other\nfrom contract.compiled import kernel\n"
        "@kernel\ndef twice():\n    return 2 * other.one()\nprint(twice())\n"
    )
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run_kernel(tmp_path, **cache) == "2\n"
    (tmp_path / "other.py").write_text("from contract.compiled import kernel\n@kernel\ndef one():\n    return 3\n")
    assert run_kernel(tmp_path, **cache) == "6\n"
    assert len(list((tmp_path / "cache").rglob("module.twice*.nbi"))) == 1
