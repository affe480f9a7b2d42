"""The verb that lists the installed algorithms."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from forecastle.algorithms.interface import Algorithm


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print their titles and the metrics in their logs as JSON.")
def algorithms(as_json: bool) -> None:
    """List the algorithms and their hyperparameters."""
    from forecastle.training.catalogue import catalogue

    known = catalogue()
    if as_json:
        listed = {name: {"title": each.title, "metrics": each.metrics} for name, each in known.usable.items()}
        click.echo(json.dumps(listed, ensure_ascii=False))
    else:
        _list_algorithms(known.usable)
    for sentence in known.broken.values():
        click.echo(sentence, err=True)


def _list_algorithms(usable: "Mapping[str, Algorithm[Any]]") -> None:
    from forecastle.contract.typed_text import expectation

    width = max((len(name) for each in usable.values() for name in each.hyperparameters.known()), default=0)
    for name, algorithm in usable.items():
        click.echo(f"{name}: {algorithm.title}")
        for parameter, field in algorithm.hyperparameters.known().items():
            requirement = "required" if field.is_required() else f"default {_shown(field.get_default())}"
            click.echo(f"  {parameter:<{width}}  {expectation(field)}; {requirement}")


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
