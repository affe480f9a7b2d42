"""The wheel with compiled kernels: its users compile nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forecastle.kernels.cache import TARGET, Target
from tests.floors import FLOORS, REPOSITORY

SOURCES = ("forecastle", *FLOORS)
FILES = ("Makefile", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
ONE_KERNEL = """
import numpy as np
from forecastle.algorithms.deepar.training.adam import descend
descend(*(np.zeros(2, np.float32) for _ in range(3)), np.zeros((1, 2), np.float32), 1.0, 0.1)
print(sum(descend.stats.cache_hits.values()), sum(descend.stats.cache_misses.values()))
"""


def copy_sources(folder: Path) -> Path:
    for name in SOURCES:
        shutil.copytree(
            REPOSITORY / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "shipped")
        )
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources; their machine code is cached for the next run."""
    copy, folder = copy_sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("wheel")
    cache = REPOSITORY / "build" / "kernels"
    subprocess.run(
        ["make", "-o", "env", "wheel", f"BIN={Path(sys.executable).parent}", f"WHEELS={folder}"],
        cwd=copy,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(copy)},
        check=True,
        stdout=sys.stderr,
    )
    (built,) = folder.iterdir()
    return built


def make_environment(folder: Path) -> Path:
    """The interpreter of a new environment with our dependencies, but without forecastle."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (packages_of(folder) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def packages_of(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))


def install(python: Path, *arguments: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([str(python), "-m", "pip", "install", *options, *arguments], check=True)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel."""
    python = make_environment(tmp_path_factory.mktemp("installed") / "venv")
    install(python, str(wheel))
    return python


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FORECASTLE_", "SAGEMAKER_", "NUMBA_", "PYTHON"))
    }
    return given | {"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": "0", "NUMBA_DEBUG_CACHE": "1"}


def installed(python: Path) -> Path:
    done = subprocess.run(
        [str(python), "-c", "import forecastle.kernels as kernels; print(kernels.__path__[0])"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip()) / "shipped"


def test_its_name_says_for_which_interpreter_and_machine_it_is(wheel: Path) -> None:
    assert re.fullmatch(
        rf"forecastle-[\d.]+-cp{sys.version_info.major}{sys.version_info.minor}-none-manylinux_2_17_{os.uname().machine}\.whl",
        wheel.name,
    )


def test_it_contains_machine_code_and_each_source_once(python: Path) -> None:
    kernels = installed(python)
    assert REPOSITORY not in kernels.parents
    assert {file.suffix for file in kernels.rglob("*") if file.is_file()} == {".nbi", ".nbc", ".json"}


@pytest.mark.parametrize(
    ("algorithm", "fewer"),
    [
        ("deepar", {"epochs": "2"}),
        ("random_cut_forest", {"num_trees": "50"}),
        ("seq2seq", {"max_num_batches": "4"}),
    ],
)
def test_training_and_serving_compile_nothing(
    algorithm: str, fewer: dict[str, str], python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    example = REPOSITORY / "algorithms" / algorithm / "example"
    shutil.copytree(example / "input", tmp_path / "input")
    file = tmp_path / "input" / "config" / "hyperparameters.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fewer))
    forecastle = str(python.parent / "forecastle")
    trained = subprocess.run([forecastle, "train"], env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert_all_was_there(trained.stdout, installed(python))
    request = next(example.glob("request.*"))
    with serving([forecastle], environ, tmp_path) as (process, port, log):
        media_type = {".csv": "text/csv", ".json": "application/json"}[request.suffix]
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", request.read_bytes(), {"Content-Type": media_type}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    assert errors == ""
    assert_all_was_there(log + rest, installed(python))


def assert_all_was_there(log: str, kernels: Path) -> None:
    loaded = re.findall(r"\[cache\] data loaded from '(.*)'", log)
    assert loaded
    assert all(Path(path).is_relative_to(kernels) for path in loaded)
    assert "saved" not in log


@contextmanager
def serving(
    command: list[str], environ: dict[str, str], folder: Path, *arguments: str
) -> Iterator[tuple["subprocess.Popen[str]", int, str]]:
    """The server's process, its port, and its log so far; `command` is what starts forecastle."""
    pipe, workers = subprocess.PIPE, int(environ.get("MODEL_SERVER_WORKERS", "1"))
    with subprocess.Popen(
        [*command, "serve", *arguments], env=environ, cwd=folder, stdout=pipe, stderr=pipe, text=True
    ) as server:
        assert server.stdout is not None
        log = ""
        try:
            while not ((port := re.search(r'"port": ?(\d+)', log)) and log.count('"ready"') == workers):
                line = server.stdout.readline()
                assert line, log
                log += line
            yield server, int(port[1]), log
        finally:
            if server.poll() is None:
                server.terminate()


@pytest.mark.parametrize(
    ("target", "counts"),
    [
        (None, "1 0"),
        (Target("x86-64-v9", "+no-cpu-has-this"), "0 1"),  # a machine that cannot run it compiles its own
    ],
)
def test_a_kernel_comes_from_the_wheel_only_where_the_cpu_can_run_it(
    target: Target | None, counts: str, python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    file = installed(python) / TARGET
    shipped = file.read_text()
    if target is not None:
        target.write(file.parent)
    try:
        done = subprocess.run(
            [str(python), "-c", ONE_KERNEL],
            env={name: value for name, value in environ.items() if name != "NUMBA_DEBUG_CACHE"}
            | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        file.write_text(shipped)
    assert done.stdout.strip() == counts


def test_a_cpu_that_is_configured_gets_its_own_machine_code(
    python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    asked = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "0"}
    done = subprocess.run(
        [str(python), "-c", ONE_KERNEL], env=environ | asked, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0 1"
