"""`forecastle region`: its verbs."""

import importlib.util
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forecastle.contract.errors import InvalidJob
from forecastle.region.options import FILE, FOLDER, PORT, Options, home_of, region_options

if TYPE_CHECKING:
    from forecastle.region.variables import Variables

NEEDED = ("botocore", "cryptography", "httpx")
HOME = click.option("--home", type=FOLDER, help="The region's folder.")


@click.group("region", invoke_without_command=True)
@click.pass_context
def region(context: click.Context) -> None:
    """Run a local AWS region, in which SageMaker's notebooks run unchanged."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidJob(f"A region needs {' and '.join(missing)}: pip install 'forecastle[region]'.")
    if context.invoked_subcommand is None:
        context.invoke(up)


@region.command()
@region_options
def up(options: Options) -> None:
    """Run a region until Ctrl-C; `forecastle region env` prints the variables to set."""
    from forecastle.region.server import up

    up(options, forecastle_command())


proxy_option = click.option(
    "--proxy",
    is_flag=True,
    help="Clients keep AWS's own addresses and reach the region as their HTTPS proxy, with a certificate authority for "
    "AWS's domains only.",
)


@region.command()
@proxy_option
@HOME
@click.option("--port", type=click.IntRange(1, 65535), help="Its port, if it is not running yet.")
@click.option(
    "--shell",
    type=click.Choice(["sh", "fish", "powershell", "dotenv"]),
    default="sh",
    show_default=True,
    help="The syntax to print.",
)
def env(home: Path | None, port: int | None, shell: str, proxy: bool) -> None:
    """Print the variables to set: eval "$(forecastle region env)"."""
    from forecastle.region import variables

    where = home_of(home)
    address = where.address() if port is None else None
    where.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables.write_files(where)
    given = _variables(proxy)(where, address or f"http://127.0.0.1:{port or PORT}", os.environ)
    for name, value in given.items():
        click.echo(variables.SHELLS[shell](name, value))


@region.command(context_settings={"ignore_unknown_options": False})
@region_options
@proxy_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(context: click.Context, options: Options, proxy: bool, command: tuple[str, ...]) -> int:
    """Run COMMAND in a region: forecastle region run -- jupyter lab.

    Starts a region if none runs in that folder, and stops it when the command has ended.
    """
    from forecastle.region.run_command import free_port, run_in_region

    if context.get_parameter_source("port") is click.core.ParameterSource.DEFAULT:
        options = replace(options, port=free_port(options.port))
    up = [*forecastle_command(), "region", "up", *options.arguments()]
    return run_in_region(options.home, up, command, _variables(proxy))


@region.command()
@proxy_option
@HOME
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Its port.")
@click.option("--python", metavar="PATH", help="The kernel's Python; by default the active environment's.")
def kernel(home: Path | None, port: int, python: str | None, proxy: bool) -> None:
    """Write a Jupyter kernel that sets the region's variables."""
    from forecastle.region.kernel import write
    from forecastle.region.variables import write_files

    where = home_of(home)
    where.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_files(where)
    address = where.address() or f"http://127.0.0.1:{port}"
    folder = write(python, _variables(proxy)(where, address, {}), os.environ)
    click.echo(f"Kernel 'Python (forecastle region)' is in {folder}. It calls {address}: run `forecastle region up`.")


@region.group("data")
def data() -> None:
    """Write the data that notebooks download."""


@data.command()
@click.option("--customers", type=click.IntRange(1, 999), default=370, show_default=True, help="The number of columns.")
@click.option("--years", default="2011-2014", show_default=True, help="The first and last year, or one year.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("LD2011_2014.txt"), show_default=True)
def electricity(customers: int, years: str, out: Path) -> None:
    """Write synthetic data for the electricity notebook, in the format of LD2011_2014.txt."""
    from forecastle.region.samples.electricity import write

    first, last = _years(years)
    if out.exists():
        raise InvalidJob(f"--out {out}: this file exists and is not overwritten.")
    write(out, customers, first, last)
    click.echo(f"{out}: {customers} customers, {first} to {last}, synthetic.")


@region.group("lambda")
def functions() -> None:
    """Create Lambda functions from the command line."""


@functions.command("create")
@click.argument("name")
@click.option("--file", "files", type=FILE, multiple=True, required=True, help="A file with its code; may be repeated.")
@click.option("--handler", default="lambda_function.lambda_handler", show_default=True, help="Module and function.")
@click.option(
    "--timeout",
    type=click.IntRange(1, 900),
    default=30,
    show_default=True,
    help="The time limit for an event, in seconds.",
)
@click.option(
    "--memory", type=click.IntRange(128, 10240), default=512, show_default=True, help="The memory limit in MB."
)
@click.option("--env", "environ", metavar="NAME=VALUE", multiple=True, help="An environment variable; may be repeated.")
@HOME
def create_function(
    name: str,
    files: tuple[Path, ...],
    handler: str,
    timeout: int,
    memory: int,
    environ: tuple[str, ...],
    home: Path | None,
) -> None:
    """Create the function NAME from Python files, or update its code."""
    from forecastle.region.lab import create_function

    given = dict(_pair("--env", text) for text in environ)
    click.echo(create_function(home_of(home), name, files, handler, timeout, memory, given))


@region.group("api")
def apis() -> None:
    """Create REST APIs from the command line."""


@apis.command("create")
@click.argument("name")
@click.option(
    "--post",
    "posts",
    metavar="PATH=FUNCTION",
    multiple=True,
    required=True,
    help="The function that a POST to PATH calls; may be repeated.",
)
@click.option("--cors", metavar="ORIGIN", help="The origin whose pages may call it; * allows any.")
@click.option("--stage", default="prod", show_default=True, help="The stage it is deployed to.")
@HOME
def create_api(name: str, posts: tuple[str, ...], cors: str | None, stage: str, home: Path | None) -> None:
    """Create the API NAME for these functions, and print its invoke URLs."""
    from forecastle.region.lab import create_api

    for url in create_api(home_of(home), name, dict(_pair("--post", text) for text in posts), cors, stage):
        click.echo(url)


def _variables(proxy: bool) -> "Variables":
    """What gives a client's variables."""
    if proxy:
        from forecastle.region.proxy.environment import proxied_variables

        return proxied_variables
    from forecastle.region.variables import variables

    return variables


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidJob(f"{option} {text}: expected NAME=VALUE.")
    return name, value


def _years(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not 1900 <= first <= last <= 2100:
        raise InvalidJob(f"--years {text}: expected a year or two, such as 2014 or 2011-2014.")
    return first, last


def forecastle_command() -> tuple[str, ...]:
    """The command that starts forecastle with this Python."""
    return (sys.executable, "-m", "forecastle")
