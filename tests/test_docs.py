"""The README against the sources that it describes."""

import re
from pathlib import Path

import click
import pytest

from forecastle.algorithms import available, find
from forecastle.container.cli import cli
from forecastle.container.reference import BLOCK, blocks, refreshed
from forecastle.contract.settings import Settings
from forecastle.serving.metrics import Metrics

README = Path(__file__).parents[1] / "README.md"
GOLDEN_LOGS = sorted((Path(__file__).parent / "training" / "golden").glob("*.log"))


@pytest.mark.parametrize("name", blocks())
def test_the_readme_has_every_block_of_the_reference(name: str) -> None:
    names = [block["name"] for block in BLOCK.finditer(README.read_text("utf-8"))]
    assert names.count(name) == 1, f"README.md: put <!-- generated: {name} --> and <!-- end --> in, then `make docs`"


def test_the_readmes_reference_is_up_to_date() -> None:
    text = README.read_text("utf-8")
    assert text == refreshed(text), "README.md: run `make docs`"


def test_a_block_is_written_anew_and_the_rest_left_alone() -> None:
    text = "# A\n<!-- generated: settings -->\nold\n<!-- end -->\n<!-- a remark -->\n"
    written = refreshed(text)
    assert written == f"# A\n<!-- generated: settings -->\n{blocks()['settings']}<!-- end -->\n<!-- a remark -->\n"
    assert refreshed(written) == written


ENVIRONMENT = re.compile(r"environ(?:\.get\(|\.pop\(|\.setdefault\(|\[)\s*([^,\])]+)|getenv\(([^,)]+)")
# Read by the process's own machinery, and no settings of ours.
FOREIGN = {
    "TERM": "training/bar.py",  # of the terminal
    "NUMBA_CACHE_DIR": "container/compile.py",  # numba's, and so are these two
    "NUMBA_CPU_NAME": "container/compile.py",
    "NUMBA_CPU_FEATURES": "container/compile.py",
    "OMP_NUM_THREADS": "algorithms/deepar/training/mxnet.py",  # written for MXNet
    "MXNET_OMP_MAX_THREADS": "algorithms/deepar/training/mxnet.py",
    "PROMETHEUS_MULTIPROC_DIR": "serving/metrics.py",  # between a server and its workers
}


def documented() -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", blocks()["settings"], flags=re.MULTILINE)


def test_the_settings_tables_have_every_setting() -> None:
    known = [*Settings.known()]
    for name in available():
        known += find(name).settings.known()
    assert documented() == known


def test_every_environment_variable_that_the_sources_read_is_documented() -> None:
    """A variable's name is a literal where it is read, or else an alias in a table of settings."""
    root = Path(__file__).parents[1]
    read = {}
    for folder in ("container", "training", "serving", "algorithms", "formats", "contract", "kernels"):
        for source in (root / folder).rglob("*.py"):
            for expression in ENVIRONMENT.findall(source.read_text("utf-8")):
                (text,) = filter(None, expression)
                read[text.strip()] = str(source.relative_to(root))
    names = {text.strip("\"'"): place for text, place in read.items() if text[0] in "\"'"}
    assert {name: place for name, place in names.items() if name not in documented()} == {
        name: place for name, place in FOREIGN.items() if name in names
    }
    # What is read by a variable is one of the table's, or of those above.
    assert {text for text in read if text[0] not in "\"'"} <= {"name", "FOLDER_VARIABLE", "variable"}


def test_the_commands_are_all_there_with_their_options() -> None:
    helps = blocks()["commands"].split("Usage: forecastle ")[2:]
    for text, (name, command) in zip(helps, cli.commands.items(), strict=True):
        assert text.startswith(f"{name} ")
        options = [parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)]
        assert all(f"\n  {option} " in text for option in options)


def server_metrics() -> list[str]:
    """The names of the server's own metrics, as a scraper sees them."""
    text, _ = Metrics().text()
    return re.findall(r"^# HELP (forecastle_\w+)(?<!_created) ", text.decode(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", server_metrics())
def test_the_readme_mentions_every_metric_of_the_server(name: str) -> None:
    assert name in README.read_text("utf-8")


def metric_lines() -> set[str]:
    """What a parser looks for in the golden logs: `#metrics`, `#quality_metric` and what it measures, such as `f1`."""
    names = set()
    for log in GOLDEN_LOGS:
        for line in log.read_text("utf-8").splitlines():
            found = re.search(r"(#[a-z]+_metric): host=\S+, (?:epoch=\d+, )?(?:batch=\d+ )?(.*?)[=\d]", line)
            if found:
                names.add(found[1])
                if found[1] == "#quality_metric":
                    names.add(found[2].split()[1])
            elif line.startswith("#metrics "):
                names.add("#metrics")
    return names


@pytest.mark.parametrize("name", sorted(metric_lines()))
def test_the_readme_mentions_every_metric_line_of_a_job(name: str) -> None:
    assert name in README.read_text("utf-8")
