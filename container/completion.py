"""What a shell completes beside verbs and options: the names of algorithms, hyperparameters and chart options."""

from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem


def complete_algorithms(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:  # noqa: ARG001
    from forecastle.algorithms import available

    return [name for name in available() if name.startswith(text)]


def complete_hyperparameters(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001
    text: str,
) -> list[CompletionItem]:
    """The hyperparameters of the algorithm on the line, with their descriptions."""
    from forecastle.algorithms import find
    from forecastle.contract.errors import InvalidJob

    with suppress(InvalidJob):
        # Where an option still lacks its value, click leaves the arguments before it in `args`.
        name = context.params.get("algorithm") or next(iter(context.args), "")
        return _names(find(name).hyperparameters.known(), text)
    return []


def complete_chart_options(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    text: str,
) -> list[CompletionItem]:
    from forecastle.training.catalogue import catalogue

    return [item for each in catalogue().usable.values() for item in _names(each.chart_options().known(), text)]


def _names(fields: dict[str, Any], text: str) -> list[CompletionItem]:
    return [
        CompletionItem(f"{name}=", help=field.description) for name, field in fields.items() if name.startswith(text)
    ]
