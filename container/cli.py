"""The command line: `forecastle train`, `serve`, `demo` and so on."""

import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from forecastle.container.algorithms import algorithms
from forecastle.container.asking import invoke, plot
from forecastle.container.blas import let_idle_threads_sleep
from forecastle.container.colour import colour_wanted, failure_line
from forecastle.container.completion import complete_algorithms, complete_hyperparameters
from forecastle.container.garbage import collections_restored, never_at_exit, never_collect, seldom_collect
from forecastle.container.pairs import pair
from forecastle.container.transform.command import transform
from forecastle.contract.errors import (
    INTERNAL_EXIT_CODE,
    INTERRUPTED_EXIT_CODE,
    ForecastleError,
    Stopped,
    UserError,
)
from forecastle.region.cli import region

FILE = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
MODEL = click.Path(path_type=Path)  # a folder, or an archive such as model.tar.gz
PORT = click.IntRange(0, 65535)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one sentence on stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open as long as the process runs
    let_idle_threads_sleep(os.environ)
    never_at_exit()
    # Until a command installs its own: process 1, as in a container, ignores signals without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Stopped.exit_code))
    try:
        with collections_restored():
            outcome = cli.main(
                arguments, prog_name="forecastle", standalone_mode=False, color=colour_wanted(os.environ)
            )
    except click.ClickException as error:
        error.show()
        return UserError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED_EXIT_CODE
    except ForecastleError as error:
        click.echo(failure_line(error.sentence, os.environ), err=True)
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return INTERNAL_EXIT_CODE
    return outcome if isinstance(outcome, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="forecastle", message="%(prog)s %(version)s")
def cli() -> None:
    """Train and serve SageMaker's Random Cut Forest, DeepAR and Sequence to Sequence without SageMaker."""
    if folders := os.environ.get("FORECASTLE_ALGORITHMS"):
        from forecastle.algorithms import join

        join(folders.split(os.pathsep))


@cli.command()
@click.argument("algorithm", required=False, shell_complete=complete_algorithms)
@click.option("--data", type=FILE, help="Training data: a file or a folder.")
@click.option("--test", type=FILE, help="Test data: a file or a folder.")
@click.option("--content-type", metavar="TYPE", help="Media type of --data and --test; detected if omitted.")
@click.option(
    "--set",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=complete_hyperparameters,
    help="A hyperparameter; may be repeated.",
)
@click.option("--out", type=FOLDER, default=Path("model"), show_default=True, help="Where to write the model.")
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

    Without arguments, run the job described in /opt/ml, as SageMaker does. With an ALGORITHM, train from files with the
    hyperparameters given by --set; those that the data determines, such as feature_dim, may be omitted.
    """
    seldom_collect()
    from forecastle.training.job import train, train_files

    _report_compilation(context)
    if algorithm is None:
        if any(context.get_parameter_source(name) is not _BY_DEFAULT for name in context.params):
            raise click.UsageError("Options require an algorithm: forecastle train ALGORITHM --data …")
        train(os.environ, sys.stdout)
        return
    if data is None:
        raise click.UsageError(
            f"forecastle train {algorithm} requires --data; without an algorithm it runs the job in /opt/ml."
        )
    train_files(algorithm, data, out, dict(map(pair, given)), sys.stdout, os.environ, test, content_type)
    click.echo(f"The model is in {out}. Serve it: forecastle serve --model {out}")


@cli.command()
@click.option("--model", type=MODEL, help="The model's folder or model.tar.gz; /opt/ml/model by default.")
@click.option("--host", help="The address to bind; overrides FORECASTLE_HOST.")
@click.option("--port", type=PORT, help="The port to bind; overrides SAGEMAKER_BIND_TO_PORT. 0 picks a free one.")
@click.pass_context
def serve(context: click.Context, model: Path | None, host: str | None, port: int | None) -> None:
    """Serve a model over HTTP until SIGTERM or Ctrl-C."""

    never_collect()
    from forecastle.contract.opt_ml import OptMl
    from forecastle.contract.settings import Settings
    from forecastle.serving.server import serve

    _report_compilation(context)
    asked = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings.from_environ(os.environ).model_copy(update=asked)
    serve(settings, OptMl(Path(settings.base_dir), model_folder=model), os.environ)


@cli.command()
@click.argument("algorithm", default="random_cut_forest", shell_complete=complete_algorithms)
@click.option(
    "--port", type=PORT, default=8080, show_default=True, help="The port to serve on; a free one if it is taken."
)
def demo(algorithm: str, port: int) -> None:
    """Train, serve and query an algorithm on its example data.

    The ALGORITHM defaults to random_cut_forest. Files are written to demo/ in the current folder. On a terminal, the
    server runs until Ctrl-C.
    """
    from forecastle.container.demo import demo

    demo(algorithm, Path("demo"), port, sys.stdout.isatty())


@cli.command()
@click.argument("path", type=MODEL)
@click.pass_context
def check(context: click.Context, path: Path) -> None:
    """Check a model, or the tree of a training job.

    PATH is a model's folder or model.tar.gz, which is loaded and answers its example request, or a tree such as
    /opt/ml, whose hosts, hyperparameters, channels, permissions and data are checked without training. The exit code
    is 0 if all is well.

    \b
    Examples:
      forecastle check ./model
      forecastle check /opt/ml
    """
    never_collect()
    from forecastle.container.tree_check import is_tree

    _report_compilation(context)
    if is_tree(path):
        _check_tree(path)
        return

    from forecastle.contract.settings import Settings
    from forecastle.serving.loader import load_model

    held = load_model(path, threads=1, settings=Settings.from_environ(os.environ))
    click.echo(
        f"{path}: a {held.algorithm.name} model{_found(held.origin, held.hyperparameters)}, complete; it answers."
    )


def _check_tree(folder: Path) -> None:
    """Report each finding on a line. Raises an error that counts them, if there are errors."""
    from forecastle.container.tree_check import Findings, check_tree

    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    found = Findings(lambda kind, sentence: click.echo(f"{click.style(f'{kind:<7}', fg=colours[kind])}  {sentence}"))
    check_tree(folder, os.environ, found)
    if found.errors:
        first = found.errors[0]
        reason = "ClientError" if isinstance(first, UserError) else "AlgorithmError"
        click.echo(f"\nFailureReason in SageMaker: {reason}: {first.sentence}, exit code: {first.exit_code}")
        count = len(found.errors)
        raise type(first)(f"{folder}: the job would fail: {count} error{'s' if count > 1 else ''}.")
    click.echo(f"{folder}: a training job that can start.")


@cli.group(name="import")
def import_() -> None:
    """Convert another system's model to forecastle's format."""


@import_.command()
@click.argument("model", type=MODEL)
@click.option("--out", type=FOLDER, default=Path("model"), show_default=True, help="Where to write the model.")
def sagemaker(model: Path, out: Path) -> None:
    """Convert MODEL, the folder or model.tar.gz of a SageMaker training job.

    The result contains only arrays and JSON, and answers requests like MODEL itself.
    """
    _import(model, out)


@import_.command()
@click.argument("model", type=MODEL)
@click.option("--out", type=FOLDER, default=Path("model"), show_default=True, help="Where to write the model.")
def ctranslate2(model: Path, out: Path) -> None:
    """Convert MODEL, the folder or archive of a Transformer in CTranslate2's format.

    It must also contain the sentencepiece models of the original, such as source.spm and target.spm. The result answers
    the same requests as a model of seq2seq.
    """
    _import(model, out)


def _import(model: Path, out: Path) -> None:
    """Convert a model, and report what it is."""
    from forecastle.algorithms.foreign import import_model

    artifact = import_model(model, out)
    found = _found(artifact.parameters.get("origin"), artifact.hyperparameters)
    click.echo(f"{model}: a {artifact.algorithm} model{found}.")
    click.echo(f"The model is in {out}. Serve it: forecastle serve --model {out}")


@cli.command(name="compile")
@click.pass_context
def compile_(context: click.Context) -> None:
    """Compile all kernels before their first use.

    Compiled kernels are stored in the folder that NUMBA_CACHE_DIR names, next to the sources, or in your cache folder:
    the first of these that can be written. Kernels that are already compiled or come with the wheel are not compiled.
    """
    from forecastle.container.compile import compile_all

    if sys.stderr.isatty():
        _report_compilation(context)
    compile_all(click.echo)


cli.add_command(algorithms)
cli.add_command(invoke)
cli.add_command(plot)
cli.add_command(transform)
cli.add_command(region)

_BY_DEFAULT = click.core.ParameterSource.DEFAULT


def _report_compilation(context: click.Context) -> None:
    """Report on stderr, until the command ends, that kernels are being compiled."""
    from forecastle.container.compile_bar import compilation_reported

    context.with_resource(compilation_reported(sys.stderr))


def _found(origin: str | None, hyperparameters: Mapping[str, Any]) -> str:
    """What trained the model, if not forecastle, and its hyperparameters."""
    if origin is None:
        return ""
    listed = ", ".join(f"{name} {value}" for name, value in hyperparameters.items())
    return f" of {origin} ({listed})" if listed else f" of {origin}"
