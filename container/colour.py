"""Colour: on a terminal, unless NO_COLOR (https://no-color.org) forbids it."""

import sys
from collections.abc import Mapping

import click


def colour_wanted(environ: Mapping[str, str]) -> bool | None:
    """False if colour is forbidden; None leaves the choice to click, which colours what goes to a terminal."""
    return False if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" else None


def failure_line(sentence: str, environ: Mapping[str, str]) -> str:
    """An error's line for stderr, the name of the command in red if that is a terminal."""
    coloured = sys.stderr.isatty() and colour_wanted(environ) is None
    return f"{click.style('forecastle:', fg='red', bold=True) if coloured else 'forecastle:'} {sentence}"
