"""`forecastle region`: its verbs."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from forecastle.contract.errors import InvalidJob
from forecastle.region.home import Home, default_home

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PORT = 4566
NEEDED = ("botocore", "httpx")


@click.group("region", invoke_without_command=True)
@click.pass_context
def region(context: click.Context) -> None:
    """SageMaker, S3 and what else notebooks call, on this machine: `forecastle region up`."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidJob(f"A region needs {' and '.join(missing)}: pip install 'forecastle[region]'.")
    if context.invoked_subcommand is None:
        context.invoke(up)


def up_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--allow-host", "hosts", metavar="NAME", multiple=True, help="A name that clients may call it by."
        ),
        click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind."),
        click.option("--taxi", type=FILE, help="The taxi notebook's data; by default they are generated."),
        click.option(
            "--bucket", "buckets", metavar="NAME", multiple=True, help="A bucket to make; as often as needed."
        ),
        click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 is a free one."),
        click.option("--home", type=FOLDER, help="Where it keeps everything; by default below the user's data folder."),
    ):
        command = option(command)
    return command


@region.command()
@up_options
def up(
    home: Path | None, port: int, buckets: tuple[str, ...], taxi: Path | None, host: str, hosts: tuple[str, ...]
) -> None:
    """Run a region until Ctrl-C; `forecastle region env` says what to set to use it."""
    from forecastle.region.server import Options, up

    up(Options(_home(home), port, host, buckets, taxi, hosts), forecastle_command())


@region.command()
@click.option("--home", type=FOLDER, help="The region's folder.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port, if it does not run yet.")
@click.option(
    "--shell",
    type=click.Choice(["sh", "fish", "powershell", "dotenv"]),
    default="sh",
    show_default=True,
    help="Whose words to use.",
)
def env(home: Path | None, port: int | None, shell: str) -> None:
    """Print what to set: eval "$(forecastle region env)"."""
    from forecastle.region import variables

    where = _home(home)
    address = where.address() if port is None else None
    where.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables.write_files(where)
    for name, value in variables.variables(where, address or f"http://127.0.0.1:{port or PORT}", os.environ).items():
        click.echo(variables.SHELLS[shell](name, value))


def forecastle_command() -> tuple[str, ...]:
    """How this Python starts forecastle."""
    return (sys.executable, "-m", "forecastle")


def _home(given: Path | None) -> Home:
    return default_home(os.environ) if given is None else Home(given.absolute())
