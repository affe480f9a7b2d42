"""The options that select a target: a server, an endpoint, or a model that is loaded here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from forecastle.container.target import Target

DEFAULT_URL = "http://127.0.0.1:8080"

TARGET_OPTIONS = (
    click.option("--url", metavar="URL", help=f"A server's address.  [default: {DEFAULT_URL}]"),
    click.option("--endpoint", metavar="NAME", help="A SageMaker endpoint, through boto3."),
    click.option("--model", type=click.Path(path_type=Path), help="A model's folder or model.tar.gz."),
    click.option("--target-model", metavar="NAME", help="The model, on a server of several models."),
)


def timeout_option(seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--timeout` with its default."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for a server, each time it is asked.",
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The values of `TARGET_OPTIONS`. Raises `UsageError` if they exclude each other."""

    url: str | None
    endpoint: str | None
    model: Path | None
    target_model: str | None

    def __post_init__(self) -> None:
        named = (("--url", self.url), ("--endpoint", self.endpoint), ("--model", self.model))
        given = [name for name, value in named if value is not None]
        if len(given) > 1:
            raise click.UsageError(f"{' and '.join(given)} exclude each other.")
        if self.model is not None and self.target_model is not None:
            raise click.UsageError("--target-model is of use with --url and --endpoint only.")

    @property
    def address(self) -> str:
        """The server's."""
        return self.url or DEFAULT_URL

    def remote(self, timeout: float) -> "Target":
        """The endpoint or the server."""
        from forecastle.container import target

        if self.endpoint is not None:
            return target.endpoint(self.endpoint, self.target_model)
        return target.server(self.address, self.target_model, timeout)
