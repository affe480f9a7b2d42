"""The generated parts of the documentation: `python -m forecastle.container.reference PAGE…` rewrites them in place.

A part is the text between `<!-- generated: NAME -->` and `<!-- end -->`; `parts` lists the names.
"""

import inspect
import io
import json
import os
import re
import sys
import textwrap
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

import forecastle
from forecastle.container.cli import cli, main
from forecastle.contract.errors import ForecastleError
from forecastle.contract.settings import Settings
from forecastle.contract.typed_text import expectation
from forecastle.training.catalogue import catalogue

PART = re.compile(r"(<!-- generated: (?P<name>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS = 100


def parts() -> dict[str, str]:
    """The content of each part by its name."""
    found = {
        "settings": _table("Setting", Settings.known()),
        "commands": _commands(),
        "errors": _errors(),
        "python": _python(),
    }
    for name, algorithm in catalogue().usable.items():
        found[f"hyperparameters {name}"] = _table("Hyperparameter", algorithm.hyperparameters.known())
        if settings := algorithm.settings.known():
            found[f"settings {name}"] = _table("Setting", settings)
    return found


def refreshed(text: str) -> str:
    """`text` with its parts updated. Raises `KeyError` with the name of an unknown part."""
    current = parts()
    return PART.sub(lambda part: part[1] + current[part["name"]] + part[3], text)


def _table(noun: str, fields: Mapping[str, FieldInfo]) -> str:
    rows = [[noun, "Value", "Default", "Meaning"], ["---"] * 4]
    for name, field in fields.items():
        default = "required" if field.is_required() else _default(field)
        rows.append([f"`{name}`", expectation(field), default, field.description or ""])
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "":
        return ""
    return f"`{json.dumps(value) if isinstance(value, (list, dict, bool, float)) else value}`"


def _commands() -> str:
    """The help of every command, as printed on a terminal of `COLUMNS` columns."""
    lines = [["--help"], *([name, "--help"] for name in cli.commands)]
    return "\n".join(f"```\n$ forecastle {' '.join(line)}\n{_output(line)}```\n" for line in lines)


def _errors() -> str:
    """Each kind of error, with its status and its exit code."""
    rows = [["Error", "Status", "Exit code", "Meaning"], ["---"] * 4]
    for kind in _kinds(ForecastleError):
        rows += [[kind.__name__, str(int(kind.status)), str(kind.exit_code), kind.__doc__ or ""]]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _kinds(kind: type[ForecastleError]) -> list[type[ForecastleError]]:
    """The kinds below one, from the outside inwards; only those of the module of errors."""
    below = [each for each in kind.__subclasses__() if each.__module__ == ForecastleError.__module__]
    return [found for each in below for found in (each, *_kinds(each))]


def _python() -> str:
    """The signatures and docstrings of the public classes and their methods."""
    parts = []
    for name in forecastle.__all__:
        if not inspect.isclass(kind := getattr(forecastle, name)):
            continue
        parts.append(_described("##", name, kind))
        parts += [
            _described("###", f"{name}.{method}", getattr(kind, method))
            for method, function in vars(kind).items()
            if not method.startswith(("_", "set_")) and inspect.getdoc(function)  # set_… is scikit-learn's
        ]
    return "\n".join(parts)


def _described(heading: str, name: str, thing: Any) -> str:
    return f"{heading} {name}\n\n```\n{name}{_signature(thing)}\n```\n\n```\n{inspect.getdoc(thing)}\n```\n"


def _signature(thing: Any) -> str:
    """A signature without types, which the docstring has; a property has none."""
    if not callable(thing):
        return ""
    signature = inspect.signature(thing)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return textwrap.fill(text, COLUMNS, subsequent_indent="    ", break_on_hyphens=False)


def _output(arguments: list[str]) -> str:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(COLUMNS)  # where click looks for the terminal's width
    try:
        with redirect_stdout(io.StringIO()) as output:
            main(arguments)
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return output.getvalue()


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(refreshed(page.read_text("utf-8")), "utf-8")
