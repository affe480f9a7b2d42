"""README and docs/, run: each page's shell and Python, from top to bottom, in a folder like the checkout."""

import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.container.reference import parts
from forecastle.training.job import train_files
from tests.pages import PAGES, REPOSITORY, RUNNABLE, Block, blocks, commands, pattern, runnable
from tests.serving.running_server import RunningServer

ADDRESS = "http://127.0.0.1:8080"  # of the server in every page
TAXI = "/opt/ml/models/taxi/model"  # a model that SageMaker has put there
COMMANDS = Path(sys.executable).parent  # with `forecastle` and `python`

RUN = [page for page in PAGES if any(block.not_run is None for block in runnable(page))]
# One for each reason: a page that is not run at all has many blocks.
NOT_RUN = list(
    {(block.page, block.not_run): block for page in PAGES for block in runnable(page) if block.not_run}.values()
)


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `model/`, a Random Cut Forest of the example."""
    folder = tmp_path_factory.mktemp("forest")
    data = find("random_cut_forest").example_folder / "input" / "data" / "train"
    train_files("random_cut_forest", data, folder / "model", {"num_trees": "50", "seed": "7"}, io.StringIO(), {})
    return folder


class Reader:
    """A user who types what a page shows, with the folder, environment and server of their shell."""

    def __init__(self, folder: Path, forest: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._forest = forest
        self._stack = stack
        self._server: RunningServer | None = None
        path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
        self._environ = {"PATH": path, "HOME": str(folder), "NO_PROXY": "127.0.0.1"}

    def run(self, block: Block) -> None:
        if block.server is not None:
            self._serve({"SAGEMAKER_MULTI_MODEL": "true"}, [])
        if block.language == "sh":
            self._shell(block)
        elif block.language == "console":
            for command, shown in commands(block.text):
                printed = self._bash(command, block)
                assert pattern(shown).fullmatch(printed.strip()), f"{block.place}: {command} printed {printed}"
        elif block.text.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block.text, {}, block.place, str(block.page), block.line)
            assert doctest.DocTestRunner().run(test).failed == 0, block.place
        else:
            printed = self._bash(f"{shlex.quote(sys.executable)} - <<'PYTHON'\n{block.text}PYTHON\n", block)
            shown = "\n".join(re.findall(r"^print\(.*\)  # (.*)$", block.text, re.MULTILINE))
            assert pattern(shown).fullmatch(printed.strip()), f"{block.place} printed {printed}"

    def _shell(self, block: Block) -> None:
        """Run a block. A server that it starts keeps running in the background, as in a second terminal."""
        *_, last = block.text.rstrip("\n").splitlines()
        started = re.fullmatch(r"(?P<environ>(?:\w+=\S+ )*)forecastle serve(?P<arguments>.*)", last)
        if started is None:
            self._bash(block.text, block)
            return
        self._bash(block.text.rstrip("\n").removesuffix(last), block)
        environ = dict(text.split("=", 1) for text in started["environ"].replace("$PWD", str(self._folder)).split())
        self._serve(environ, shlex.split(started["arguments"]))

    def _serve(self, environ: dict[str, str], arguments: list[str]) -> None:
        server = RunningServer(self._folder, environ, arguments=arguments, cwd=self._folder)
        self._server = self._stack.enter_context(server).await_ready()

    def _bash(self, script: str, block: Block) -> str:
        """Run a script, with the server's real address, and keep what it exports."""
        if ADDRESS in script:
            if self._server is None:
                self._serve({}, ["--model", str(self._forest / "model")])
            assert self._server is not None
            script = script.replace(ADDRESS, self._server.url).replace(TAXI, str(self._forest / "model"))
        kept = self._folder / ".environ"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nenv -0 > {kept}"],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{block.place}: {script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        self._environ = dict(text.split("=", 1) for text in kept.read_text().split("\0") if text)
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path, forest: Path) -> Iterator[Reader]:
    """In a folder that has what a checkout has, and `model/`, a forest."""
    for name in ("algorithms", "examples"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    shutil.copytree(forest / "model", tmp_path / "model")
    with ExitStack() as stack:
        yield Reader(tmp_path, forest, stack)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_a_page_runs_from_top_to_bottom(page: Path, reader: Reader) -> None:
    for block in runnable(page):
        if block.not_run is None:
            reader.run(block)


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.place)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    pytest.skip(f"{block.place}: {block.not_run}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_and_every_mark_of_a_page_is_found(page: Path) -> None:
    text, found = page.read_text("utf-8"), blocks(page)
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 * len(found)
    assert text.count("<!-- not run: ") == sum(block.not_run is not None for block in found) or "not run here" in text
    assert text.count("<!-- server: ") == sum(block.server is not None for block in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_that_is_run_or_shows_no_command(page: Path) -> None:
    for block in blocks(page):
        assert "<!--" not in block.text, f"{block.place}: a mark is directly above its block"
        assert block.language in (*RUNNABLE, "", "json", "toml", "tsv"), block.place
        if block.language == "" and block.text not in parts()["commands"]:  # whose output test_docs.py compares
            assert not re.search(r"^(\$|curl|docker|forecastle) ", block.text, re.MULTILINE), block.place
