"""README and docs/ against the sources that they describe."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from forecastle.algorithms import available, find
from forecastle.container.cli import cli
from forecastle.container.reference import COLUMNS, PART, parts, refreshed
from forecastle.contract.errors import INTERRUPTED_EXIT_CODE, ForecastleError
from forecastle.contract.settings import Settings
from forecastle.serving.metrics import Metrics
from tests.floors import FLOORS
from tests.pages import PAGES, README, REPOSITORY

DOCS = REPOSITORY / "docs"
GOLDEN_LOGS = sorted((Path(__file__).parent / "training" / "golden").glob("*.log"))
VERBS: list[list[str]] = [[], *([name] for name in cli.commands)]


def help_of(verb: list[str], columns: int) -> str:
    """What the installed command prints on a terminal of that width."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "forecastle"), *verb, "--help"],
        env=os.environ | {"COLUMNS": str(columns)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


@pytest.mark.parametrize("name", parts())
def test_every_generated_part_is_in_one_page(name: str) -> None:
    names = [part["name"] for page in PAGES for part in PART.finditer(page.read_text("utf-8"))]
    assert names.count(name) == 1, f"put <!-- generated: {name} --> and <!-- end --> in a page, then `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_s_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == refreshed(text), f"{page}: run `make docs`"


def test_a_generated_part_is_rewritten_and_the_rest_kept() -> None:
    text = "# A\n<!-- generated: settings -->\nold\n<!-- end -->\n<!-- a remark -->\n"
    written = refreshed(text)
    assert written == f"# A\n<!-- generated: settings -->\n{parts()['settings']}<!-- end -->\n<!-- a remark -->\n"
    assert refreshed(written) == written


ENVIRONMENT = re.compile(r"environ(?:\.get\(|\.pop\(|\.setdefault\(|\[)\s*([^,\])]+)|getenv\(([^,)]+)")
SOURCES = (*FLOORS, "forecastle/client")


def documented() -> list[str]:
    """The settings in the tables: first those of every server and job, then each algorithm's own."""
    tables = "".join(part for name, part in parts().items() if name.split()[0] == "settings")
    return re.findall(r"^\| `(\w+)` \|", tables, flags=re.MULTILINE)


def test_the_settings_tables_have_every_setting() -> None:
    known = [*Settings.known()]
    for name in available():
        known += find(name).settings.known()
    assert documented() == known


def variables_of_others() -> set[str]:
    """The variables in docs/settings.md that others define and forecastle reads or sets."""
    table = (DOCS / "settings.md").read_text("utf-8").partition("\n## Variables of others\n")[2]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def sources(*folders: str) -> dict[str, str]:
    """The text of every source in these folders by its path."""
    files = (source for folder in folders for source in (REPOSITORY / folder).rglob("*.py"))
    return {str(file.relative_to(REPOSITORY)): file.read_text("utf-8") for file in files}


def test_every_environment_variable_that_the_sources_read_is_documented() -> None:
    """A variable's name is a literal where it is read, or an alias in a table of settings."""
    read: dict[str, set[str]] = {}
    for path, text in sources(*SOURCES).items():
        for expression in ENVIRONMENT.findall(text):
            (name,) = filter(None, expression)
            read.setdefault(name.strip(), set()).add(path)
    names = {name.strip("\"'"): places for name, places in read.items() if name[0] in "\"'"}
    known = {*documented(), *variables_of_others()}
    assert {name: places for name, places in names.items() if name not in known} == {}
    assert [
        name for name in variables_of_others() if not any(name in text for text in sources(*SOURCES).values())
    ] == []
    assert {name: places for name, places in read.items() if name[0] not in "\"'"} == {
        "name": {
            "algorithms/deepar/training/mxnet.py",  # MXNet's, in the process of its engine
            "contract/environment.py",  # `BASE_DIR` and `PORT`
            "contract/settings.py",  # the tables
            "region/kernel.py",  # `VIRTUAL_ENV` and `CONDA_PREFIX`
            "region/proxy/environment.py",  # the variables that name certificates
        }
    }


def test_nothing_below_container_uses_the_process_s_environment() -> None:
    """`container/` passes it down. The region starts processes, and has its own command."""
    users = [path for path, text in sources(*SOURCES).items() if "os.environ" in text or "getenv" in text]
    others = [path for path in users if not path.startswith(("container/", "region/"))]
    assert others == ["algorithms/deepar/training/mxnet.py"]  # sets what MXNet reads when it is imported


@pytest.mark.parametrize("algorithm", available())
def test_the_hyperparameters_of_every_algorithm_have_a_table(algorithm: str) -> None:
    rows = parts()[f"hyperparameters {algorithm}"].splitlines()[2:]
    assert len(rows) > 2
    assert all(re.fullmatch(r"\| `\w+` \| [^|]+ \| [^|]* \| [^|]+\. \|", row) for row in rows)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb) or "all")
def test_the_documented_help_is_what_the_installed_command_prints(verb: list[str]) -> None:
    shown = f"```\n$ forecastle {' '.join([*verb, '--help'])}\n{help_of(verb, COLUMNS)}```\n"
    assert shown in (DOCS / "commands.md").read_text("utf-8")


def test_the_documented_help_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = parts()["commands"]
    monkeypatch.setenv("COLUMNS", "60")
    assert parts()["commands"] == expected
    assert os.environ["COLUMNS"] == "60"


def test_the_list_of_commands_fits_a_terminal_of_80_columns() -> None:
    shown = help_of([], 80)
    for name, command in cli.commands.items():
        sentence = (command.help or "").split("\n")[0]
        assert re.search(rf"^  {name} +{re.escape(sentence)}$", shown, re.MULTILINE)


def test_the_help_names_every_option() -> None:
    for name, command in cli.commands.items():
        shown = help_of([name], COLUMNS)
        options = [parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)]
        assert all(f"\n  {option} " in shown for option in options)


def exit_codes(error: type[ForecastleError] = ForecastleError) -> set[int]:
    """The exit codes of an error and of all errors below it."""
    return {error.exit_code}.union(*map(exit_codes, error.__subclasses__()))


@pytest.mark.parametrize("code", sorted({0, INTERRUPTED_EXIT_CODE} | exit_codes()))
def test_every_exit_code_is_documented(code: int) -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", (DOCS / "commands.md").read_text("utf-8"), flags=re.MULTILINE)
    assert str(code) in ", ".join(rows).split(", ")


def server_metrics() -> list[str]:
    """The names of the server's own metrics, as a scraper sees them."""
    text, _ = Metrics().text()
    return re.findall(r"^# HELP (forecastle_\w+)(?<!_created) ", text.decode(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", server_metrics())
def test_every_metric_of_the_server_is_documented(name: str) -> None:
    assert f"`{name}`" in (DOCS / "operations.md").read_text("utf-8")


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
def test_every_metric_line_of_a_job_is_documented(name: str) -> None:
    assert any(name in (DOCS / page).read_text("utf-8") for page in ("operations.md", "sagemaker.md"))


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 130


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, without those in blocks of code."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^()\s]+)\)", prose)


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have in links, as GitHub derives them."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [*PAGES, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"], ids=lambda page: page.name
)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_main_page_can_be_reached_from_the_readme(page: Path) -> None:
    assert f"docs/{page.name}" in links(README)


def test_every_page_is_in_the_site_s_navigation_once() -> None:
    named = re.findall(r"^ +- [^\n]*: (\S+\.md)$", (REPOSITORY / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    pages = [str(page.relative_to(DOCS)) for page in PAGES if page != README]
    assert sorted(named) == sorted([*pages, "index.md", "CONTRIBUTING.md", "CHANGELOG.md"])


@pytest.mark.parametrize("page", [*PAGES, REPOSITORY / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    roots = "container|training|serving|algorithms|formats|contract|kernels|tests|benchmarks|examples"
    for path in re.findall(rf"(?<![\w/])(?:{roots})/[\w./*-]+\.(?:py|json|csv)", page.read_text("utf-8")):
        assert list(REPOSITORY.glob(path)), f"{page.name}: {path}"


def python_imports() -> list[str]:
    """The modules of this project that examples import from, in the pages and in examples/."""
    examples = sorted((REPOSITORY / "examples").glob("*.py"))
    pages = [page for page in PAGES if page.name != "add-an-algorithm.md"]  # which documents the names for extension
    notebooks = [json.loads(path.read_text("utf-8")) for path in (REPOSITORY / "examples").glob("*.ipynb")]
    cells = ["".join(cell["source"]) for notebook in notebooks for cell in notebook["cells"]]
    text = "\n".join([*(path.read_text("utf-8") for path in (*pages, *examples)), *cells])
    return re.findall(r"^(?:>>> )?(?:from|import) (forecastle\S*)", text, flags=re.MULTILINE)


def test_python_examples_use_the_public_names_only() -> None:
    assert set(python_imports()) == {"forecastle"}
