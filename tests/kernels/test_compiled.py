"""Compiled kernels."""

import fcntl
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.kernels.compiled import inlined, kernel, part

REPOSITORY = Path(__file__).parents[2]
MODULE = """
import numpy as np
from forecastle.kernels.compiled import kernel

@kernel
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result

print(total(np.arange(4.0)))
"""

PRODUCT = """
import sys
print("scipy.linalg" in sys.modules)

@kernel
def product(values):
    return np.dot(values, values)

@kernel
def weighted(values):
    return np.convolve(values, values)[2] + 1.0

print(product(np.arange(4.0)))
print("scipy.linalg" in sys.modules)
print(weighted(np.arange(1.0, 4.0)))
"""


Doubles = np.ndarray[tuple[int], np.dtype[np.float64]]


@inlined
def _square(x: float) -> float:
    return x * x


@part
def _sum_of_squares(values: Doubles) -> float:
    total = 0.0
    for value in values:
        total += _square(value)
    return total


@kernel
def _length(values: Doubles) -> float:
    return math.sqrt(_sum_of_squares(values))


def test_a_kernel_computes_what_its_function_does() -> None:
    assert _length(np.array([3.0, 4.0])) == 5.0


@pytest.mark.parametrize("function", [_square, _sum_of_squares], ids=["inlined", "part"])
def test_what_is_compiled_for_kernels_alone_cannot_be_called_from_python(function: Callable[[Any], float]) -> None:
    _length(np.ones(2))  # so that both are compiled
    with pytest.raises(TypeError, match="Python cannot call it"):
        function(np.ones(2))


def test_division_by_zero_is_numpys() -> None:
    @kernel
    def quotient(a: float, b: float) -> float:
        return a / b

    assert quotient(1.0, 0.0) == np.inf


def copy(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run_kernel(folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, str(folder / "module.py")],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environ,
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


def test_code_is_saved_by_one_process_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run_kernel(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "6.0\n"
    (code,) = (path.parent for path in (tmp_path / "cache").rglob("*.nbc"))
    for file in code.iterdir():
        file.unlink()
    lock = os.open(code, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)  # others may read
    process = subprocess.Popen([sys.executable, str(tmp_path / "module.py")], env=environ, stdout=subprocess.PIPE)
    with process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(10)
        assert not any(code.iterdir())
        os.close(lock)
        assert process.communicate(timeout=120)[0] == b"6.0\n"
    assert any(code.iterdir())


def test_where_no_folder_can_be_written_a_kernel_is_compiled_in_memory(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "__pycache__").touch()  # a file: no folder can be made here, even by root
    nowhere = str(tmp_path / "__pycache__" / "below")
    assert run_kernel(tmp_path, NUMBA_CACHE_DIR="", HOME=nowhere, XDG_CACHE_HOME=nowhere) == "6.0\n"


def test_code_is_compiled_anew_when_a_kernel_it_calls_was_changed(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(
        "from forecastle.kernels.compiled import kernel\n@kernel\ndef one():\n    return 1\n"
    )
    (tmp_path / "module.py").write_text(
        "import other\nfrom forecastle.kernels.compiled import kernel\n"
        "@kernel\ndef twice():\n    return 2 * other.one()\nprint(twice())\n"
    )
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run_kernel(tmp_path, **cache) == "2\n"
    (tmp_path / "other.py").write_text(
        "from forecastle.kernels.compiled import kernel\n@kernel\ndef one():\n    return 3\n"
    )
    assert run_kernel(tmp_path, **cache) == "6\n"


PARSED = """
import llvmlite.binding
parse, parsed = llvmlite.binding.parse_bitcode, []

def counted(code, *more):
    module = parse(code, *more)
    parsed.extend(function.name for function in module.functions)
    return module

llvmlite.binding.parse_bitcode = counted

from other import one
from forecastle.kernels.compiled import kernel

@kernel
def twice():
    return 2 * one()

print(one(), any("one" in name for name in parsed))
print(twice(), any("one" in name for name in parsed))
"""


def test_the_bitcode_of_a_cached_kernel_is_parsed_when_it_is_compiled_into_a_new_one(tmp_path: Path) -> None:
    library = tmp_path / "library"  # not beside the module, or one change would make both stale
    copy(library / "other.py", "from forecastle.kernels.compiled import kernel\n@kernel\ndef one():\n    return 1\n")
    copy(tmp_path / "module.py", "from other import one\nprint(one())\n")
    environ = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": f"{REPOSITORY}:{library}"}
    assert run_kernel(tmp_path, **environ) == "1\n"
    copy(tmp_path / "module.py", PARSED)
    assert run_kernel(tmp_path, **environ) == "1 False\n2 True\n"
    assert run_kernel(tmp_path, **environ) == "1 False\n2 False\n"


def test_code_stays_when_a_source_was_changed_that_the_kernel_does_not_import(tmp_path: Path) -> None:
    kernels = tmp_path / "packages" / "forecastle" / "kernels"
    copy(kernels.parent / "__init__.py", "")
    for source in (REPOSITORY / "kernels").glob("*.py"):
        copy(kernels / source.name, source.read_text())
    copy(
        kernels / "one.py",
        "from forecastle.kernels.compiled import kernel\n@kernel\ndef one():\n    return 1\n",
    )
    copy(kernels / "other.py", "FACTOR = 2\n")
    copy(tmp_path / "module.py", "from forecastle.kernels.one import one\nprint(one())\n")
    environ = {
        "PYTHONPATH": str(tmp_path / "packages"),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "NUMBA_DEBUG_CACHE": "1",
    }
    assert "data saved" in run_kernel(tmp_path, **environ)
    copy(kernels / "other.py", "FACTOR = 3\n")
    assert "data saved" not in run_kernel(tmp_path, **environ)
    copy(kernels / "pointer.py", (kernels / "pointer.py").read_text() + "\n")
    assert "data saved" in run_kernel(tmp_path, **environ)  # it works in kernels that do not import it


NAMED = """
from typing import NamedTuple
from forecastle.kernels.compiled import kernel
class {name}(NamedTuple):
    value: float
@kernel
def value(of):
    return of.value
print(value({name}(2.5)))
"""


def test_an_index_with_types_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    cache = {"NUMBA_CACHE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("Before", "After", "After"):
        (tmp_path / "module.py").write_text("import kernels_of_ours\n")
        (tmp_path / "kernels_of_ours.py").write_text(NAMED.format(name=name))
        assert run_kernel(tmp_path, **cache) == "2.5\n"
    assert "data loaded" in run_kernel(tmp_path, NUMBA_DEBUG_CACHE="1", **cache)


def test_a_kernel_that_cannot_be_kept_is_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run_kernel(tmp_path, **cache)
    (code,) = (tmp_path / "cache").rglob("*.nbc")
    code.unlink()
    code.mkdir()  # which even root cannot read or replace as a file
    assert run_kernel(tmp_path, **cache) == "6.0\n"
    assert "[cache] not saved: " in run_kernel(tmp_path, NUMBA_DEBUG_CACHE="1", **cache)


def test_scipys_blas_is_loaded_by_the_first_kernel_that_wants_it() -> None:
    program = MODULE + PRODUCT
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["6.0", "False", "14.0", "True", "11.0"]


@pytest.mark.parametrize(
    ("module", "name", "warning"),
    [
        ("numba.core.caching", "UserWideCacheLocator", "kernels are compiled again in every process"),
        ("numba.np.arraymath", "_HAVE_BLAS", "each process uses 16 MiB more memory"),
    ],
)
def test_without_a_private_name_of_numba_kernels_run_and_a_warning_names_the_cost(
    module: str, name: str, warning: str
) -> None:
    program = f"""
import {module}
del {module}.{name}
{MODULE}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "6.0\n"
    assert f"has no attribute '{name}'): {warning}" in done.stderr
