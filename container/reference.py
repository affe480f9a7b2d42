"""The README's reference, generated: `python -m forecastle.container.reference README.md` writes its blocks anew.

A block is between `<!-- generated: settings -->`, or `<!-- generated: commands -->`, and `<!-- end -->`.
"""

import re
import sys
from pathlib import Path

import click

from forecastle.algorithms import available, find
from forecastle.container.cli import cli
from forecastle.contract.settings import EnvironmentSettings, Settings
from forecastle.contract.typed_text import expectation

BLOCK = re.compile(r"(<!-- generated: (?P<name>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 100


def blocks() -> dict[str, str]:
    """Every block's content by its name."""
    return {"settings": _settings(), "commands": _commands()}


def refreshed(text: str) -> str:
    """`text` with its blocks generated anew."""
    current = blocks()
    return BLOCK.sub(lambda block: block[1] + current[block["name"]] + block[3], text)


def _settings() -> str:
    tables = [_table(Settings)]
    for name in available():
        algorithm = find(name)
        if algorithm.settings.known():
            tables.append(f"Of {algorithm.title}:\n\n{_table(algorithm.settings)}")
    return "\n".join(tables)


def _table(settings: type[EnvironmentSettings]) -> str:
    rows = ["| Setting | Must be | Default | What for |", "|---|---|---|---|"]
    for name, field in settings.known().items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{name}` | {expectation(field)} | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _commands() -> str:
    helps = [_help(cli, "forecastle")]
    helps += [_help(command, f"forecastle {name}") for name, command in cli.commands.items()]
    return "".join(f"```\n{text}\n```\n" for text in helps)


def _help(command: click.Command, name: str) -> str:
    return command.get_help(click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH))


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(refreshed(readme.read_text("utf-8")), "utf-8")
