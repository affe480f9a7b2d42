"""The door: the verbs of the command and of the image."""

import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from forecastle.contract.errors import (
    INTERNAL_EXIT_CODE,
    INTERRUPTED_EXIT_CODE,
    ForecastleError,
    Stopped,
    UserError,
)

FILE = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
MODEL = click.Path(path_type=Path)  # a folder, or an archive such as model.tar.gz
PORT = click.IntRange(0, 65535)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and give its exit code; whatever goes wrong is told on stderr in one sentence."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
    # Until a verb listens itself: the kernel spares process 1, as in a container, the signals it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Stopped.exit_code))
    try:
        outcome = cli.main(arguments, prog_name="forecastle", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return UserError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED_EXIT_CODE
    except ForecastleError as error:
        click.echo(f"forecastle: {error.sentence}", err=True)
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return INTERNAL_EXIT_CODE
    return outcome if isinstance(outcome, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="forecastle", message="%(prog)s %(version)s")
def cli() -> None:
    """SageMaker's Random Cut Forest and DeepAR without SageMaker: train and serve them anywhere."""
    if folders := os.environ.get("FORECASTLE_ALGORITHMS"):
        from forecastle.algorithms import join

        join(folders.split(os.pathsep))


@cli.command()
@click.argument("algorithm", required=False)
@click.option("--data", type=FILE, help="A file or folder to learn from.")
@click.option("--test", type=FILE, help="A file or folder to score the model with.")
@click.option("--content-type", metavar="TYPE", help="What --data is in; by default found out from it.")
@click.option("--set", "given", metavar="NAME=VALUE", multiple=True, help="A hyperparameter; as often as needed.")
@click.option("--out", type=FOLDER, default=Path("model"), show_default=True, help="The folder for the model.")
@click.pass_context
def train(
    context: click.Context,
    algorithm: str | None,
    data: Path | None,
    test: Path | None,
    content_type: str | None,
    given: tuple[str, ...],
    out: Path,
) -> None:
    """Train a model.

    Without arguments: the job that /opt/ml describes, as SageMaker starts it. With the name of an ALGORITHM: from
    files, with the hyperparameters that are --set; what the data tell, such as their width, need not be.
    """
    from forecastle.training.job import train, train_files

    _tell_of_compilation(context)
    if algorithm is None:
        if any(context.get_parameter_source(name) is not _BY_DEFAULT for name in context.params):
            raise click.UsageError("Options need an algorithm's name before them: forecastle train ALGORITHM --data …")
        train(os.environ, sys.stdout)
        return
    if data is None:
        raise click.UsageError(f"forecastle train {algorithm} needs --data; without a name it reads /opt/ml.")
    train_files(algorithm, data, out, dict(map(_pair, given)), sys.stdout, os.environ, test, content_type)
    click.echo(f"The model is in {out}. Serve it: forecastle serve --model {out}")


@cli.command()
@click.option("--model", type=MODEL, help="The model's folder or model.tar.gz; by default model/ below /opt/ml.")
@click.option("--host", help="The address to bind, instead of FORECASTLE_HOST.")
@click.option("--port", type=PORT, help="The port to bind, instead of SAGEMAKER_BIND_TO_PORT; 0 takes a free one.")
@click.pass_context
def serve(context: click.Context, model: Path | None, host: str | None, port: int | None) -> None:
    """Serve a model over HTTP, until SIGTERM or Ctrl-C."""
    from dataclasses import replace

    from forecastle.contract.opt_ml import OptMl
    from forecastle.contract.settings import Settings
    from forecastle.serving.server import serve

    _tell_of_compilation(context)
    asked = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings.from_environ(os.environ).model_copy(update=asked)
    serve(settings, replace(OptMl.from_environ(os.environ), model_folder=model))


@cli.command()
@click.argument("algorithm", default="random_cut_forest")
@click.option("--port", type=PORT, default=8080, show_default=True, help="The port to serve on; a free one if taken.")
def demo(algorithm: str, port: int) -> None:
    """Train, serve and ask an ALGORITHM on its own example, in the folder demo/.

    The ALGORITHM is random_cut_forest by default. On a terminal, the model is served until Ctrl-C.
    """
    from forecastle.container.demo import demo

    demo(algorithm, Path("demo"), port, sys.stdout.isatty())


@cli.command()
def algorithms() -> None:
    """List the algorithms and their hyperparameters."""
    from forecastle.contract.typed_text import expectation
    from forecastle.training.catalogue import catalogue

    known = catalogue()
    for name, algorithm in known.usable.items():
        click.echo(f"{name}: {algorithm.title}")
        for parameter, field in algorithm.hyperparameters.known().items():
            requirement = "required" if field.is_required() else f"default {_shown(field.get_default())}"
            click.echo(f"  {parameter:<22} {expectation(field)}; {requirement}")
    for sentence in known.broken.values():
        click.echo(sentence, err=True)


@cli.command()
@click.argument("model", type=MODEL)
@click.pass_context
def check(context: click.Context, model: Path) -> None:
    """Load MODEL, a folder or a model.tar.gz, and let it answer the request on its own page."""
    from forecastle.contract.settings import Settings
    from forecastle.serving.models import load_model

    _tell_of_compilation(context)
    held = load_model(model, threads=1, settings=Settings.from_environ(os.environ))
    click.echo(f"{model}: a {held.name} model{_found(held.origin, held.hyperparameters)}, complete; it answers.")


@cli.group(name="import")
def import_() -> None:
    """Write another's model as one of ours."""


@import_.command()
@click.argument("model", type=MODEL)
@click.option("--out", type=FOLDER, default=Path("model"), show_default=True, help="The folder for our model.")
def sagemaker(model: Path, out: Path) -> None:
    """Import MODEL, a folder or a model.tar.gz that a job of SageMaker's wrote.

    What is written has plain arrays and JSON only, and answers as MODEL itself does when it is served.
    """
    from forecastle.algorithms.foreign import import_model

    artifact = import_model(model, out)
    found = _found(artifact.parameters.get("origin"), artifact.hyperparameters)
    click.echo(f"{model}: a {artifact.algorithm} model{found}.")
    click.echo(f"The model is in {out}. Serve it: forecastle serve --model {out}")


@cli.command(name="compile")
@click.pass_context
def compile_(context: click.Context) -> None:
    """Compile all kernels ahead of their first use, which would otherwise do it.

    The code is kept in the folder that NUMBA_CACHE_DIR names, else beside the sources, else in your cache folder. What
    is compiled already stays, and so does what a wheel brought along.
    """
    from forecastle.container.compile import compile_all

    if sys.stderr.isatty():
        _tell_of_compilation(context)
    compile_all(click.echo)


_BY_DEFAULT = click.core.ParameterSource.DEFAULT


def _tell_of_compilation(context: click.Context) -> None:
    """Until the verb is done."""
    from forecastle.container.compile_bar import compilation_told

    context.with_resource(compilation_told(sys.stderr))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadOptionUsage("given", f"--set {text}: expected NAME=VALUE.")
    return name.strip(), value


def _found(origin: str | None, hyperparameters: Mapping[str, Any]) -> str:
    """Whose a model is that is not ours, and what was read of it."""
    if origin is None:
        return ""
    told = ", ".join(f"{name} {value}" for name, value in hyperparameters.items())
    return f" of {origin} ({told})"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
