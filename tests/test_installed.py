"""forecastle installed next to other code: a project with folders of the same names, a third party's algorithm."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.floors import REPOSITORY
from tests.test_third_algorithm import SOURCE
from tests.test_wheel import SOURCES, copy_sources, install, make_environment, packages_of, serving

FOLDERS = [name for name in SOURCES if name != "forecastle"]
RCF = REPOSITORY / "algorithms" / "random_cut_forest" / "example"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment's interpreter, before forecastle is installed there."""
    return make_environment(tmp_path_factory.mktemp("environment") / "venv")


@pytest.fixture(scope="module")
def added(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the installation of a wheel adds to site-packages."""
    copy, folder = copy_sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=copy, check=True, stdout=sys.stderr)
    (wheel,) = folder.iterdir()
    packages = packages_of(bare.parents[1])
    before = {path.name for path in packages.iterdir()}
    install(bare, str(wheel))
    after = {path.name for path in packages.iterdir()}
    for compiled in (path for name in FOLDERS for path in (REPOSITORY / name).rglob("*.nb[ci]")):  # it takes minutes
        target = packages / "forecastle" / compiled.relative_to(REPOSITORY)
        if target.parents[1].is_dir():
            target.parent.mkdir(exist_ok=True)
            shutil.copy(compiled, target)
    return after - before


@pytest.fixture(scope="module")
def python(bare: Path, added: set[str]) -> Path:
    """The interpreter of an environment with forecastle, from a wheel without machine code."""
    assert added
    return bare


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project with folders named like ours; importing the wrong one raises an error."""
    folder = tmp_path / "project"
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"OWNER = 'the project: {name}'\n")
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    foreign = ("FORECASTLE_", "SAGEMAKER_", "PYTHON")
    given = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return given | {"SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "SAGEMAKER_BIND_TO_PORT": "0"}


def run(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def post(port: int, body: bytes, media_type: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": media_type, "Accept": media_type}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content


def test_a_wheel_adds_one_name(added: set[str]) -> None:
    assert {name for name in added if not name.endswith(".dist-info")} == {"forecastle"}
    assert len(added) == 2


@pytest.mark.parametrize("order", [["forecastle", *FOLDERS], [*FOLDERS, "forecastle"]], ids=["first", "last"])
def test_a_project_keeps_its_own_folders(
    order: list[str], python: Path, project: Path, environ: dict[str, str]
) -> None:
    code = [f"import {name}" for name in order]
    code += ["import forecastle.container.cli, forecastle.training.job, forecastle.serving.server"]
    code += ["forecastle.DeepAR, forecastle.RandomCutForest", "print(forecastle.__file__)"]
    code += [f"print({name}.OWNER, forecastle.{name}.__name__)" for name in FOLDERS]
    printed = run([str(python), "-c", "\n".join(code)], project, environ).splitlines()
    assert Path(printed[0]).parent == packages_of(python.parents[1]) / "forecastle"
    assert printed[1:] == [f"the project: {name} forecastle.{name}" for name in FOLDERS]


@pytest.mark.parametrize("as_module", [False, True], ids=["forecastle", "python -m forecastle"])
def test_jobs_and_servers_run_in_the_project_s_folder(
    as_module: bool, python: Path, project: Path, environ: dict[str, str]
) -> None:
    command = [str(python), "-m", "forecastle"] if as_module else [str(python.parent / "forecastle")]
    data = str(RCF / "input" / "data" / "train")
    run(
        [*command, "train", "random_cut_forest", "--data", data, "--set", "num_trees=50", "--out", "out"],
        project,
        environ,
    )
    environ["MODEL_SERVER_WORKERS"] = "2"
    with serving(command, environ, project, "--model", "out") as (process, port, _):
        answer = post(port, (RCF / "request.csv").read_bytes(), "text/csv")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert len(answer.splitlines()) == len((RCF / "request.csv").read_bytes().splitlines())
    assert (process.returncode, errors) == (0, "")


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shop"
version = "1.0"

[project.entry-points."forecastle.algorithms"]
most_common = "shop.most_common.algorithm:ALGORITHM"
"""


def test_an_installed_distribution_adds_an_algorithm(python: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    folder = tmp_path / "shop" / "shop" / "most_common"
    folder.mkdir(parents=True)
    (tmp_path / "shop" / "pyproject.toml").write_text(PROJECT)
    for package in (folder.parent, folder):
        (package / "__init__.py").touch()
    (folder / "algorithm.py").write_text(SOURCE)
    install(python, "--no-build-isolation", str(tmp_path / "shop"))
    try:
        (tmp_path / "numbers").write_text("1;7;3;7;9")
        command = [str(python.parent / "forecastle")]
        options = ["--data", "numbers", "--set", "separator=;", "--out", "ml/model"]
        run([*command, "train", "Most-Common", *options], tmp_path, environ)
        with serving(command, environ, tmp_path) as (process, port, _):
            assert post(port, b"???\n", "text/plain") == b"21\n"
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    finally:
        subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "shop"], check=True)
    unknown = [*command, "train", "most_common", "--data", "numbers", "--out", "again"]
    done = subprocess.run(unknown, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert "'most_common' is unknown" in done.stderr
